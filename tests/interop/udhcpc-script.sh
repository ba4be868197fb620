#!/bin/sh
# What busybox udhcpc calls to configure the interface: the address, nothing else.
set -u
case "$1" in
  deconfig)
    ip -4 address flush dev "$interface"
    ip link set "$interface" up
    ;;
  bound | renew)
    ip address replace "$ip/${mask:-24}" dev "$interface"
    for gateway in ${router:-}; do
      ip route replace default via "$gateway"
    done
    ;;
esac
exit 0
