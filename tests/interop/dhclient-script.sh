#!/bin/sh
# What ISC's dhclient calls to configure the interface (dhclient-script(8)), without Debian's changes to
# /etc/resolv.conf, which the namespaces share with the machine. Probes the address as Debian's script does not:
# with PROBE set, an answer to ARP makes dhclient decline.
set -u
case "$reason" in
  PREINIT)
    ip link set "$interface" up
    ;;
  BOUND | RENEW | REBIND | REBOOT)
    if [ -n "${PROBE:-}" ] && ! busybox arping -D -q -c 2 -w 2 -I "$interface" "$new_ip_address"; then
      exit 1
    fi
    if [ "${old_ip_address:-}" != "$new_ip_address" ]; then
      ip -4 address flush dev "$interface"
    fi
    ip address replace "$new_ip_address/${new_subnet_mask:-24}" dev "$interface"
    for router in ${new_routers:-}; do
      ip route replace default via "$router"
    done
    ;;
  EXPIRE | FAIL | RELEASE | STOP)
    ip -4 address flush dev "$interface"
    ;;
  TIMEOUT)
    exit 1
    ;;
esac
exit 0
