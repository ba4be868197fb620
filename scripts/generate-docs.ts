/** `npm run docs`: writes docs/reference from the tables of the program. */

import { mkdirSync, writeFileSync } from 'node:fs';
import { repoPath } from '../tests/lib/repo.js';
import { referencePages } from './reference.js';

mkdirSync(repoPath('docs', 'reference'), { recursive: true });
for (const { file, text } of referencePages()) writeFileSync(repoPath('docs', 'reference', file), text);
