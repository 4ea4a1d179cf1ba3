#!/bin/sh
# Scripts that nothing else here runs can be read by their interpreters, and no file holds the marks of a merge:
# scripts.sh SOURCE_DIR PYTHON
set -u
cd "$1" || exit 1
status=0
for file in scripts/*.sh tests/*/*.sh; do
  sh -n "$file" || status=1
done
for file in scripts/*.py tests/*/*.py; do
  "${2:-python3}" -c 'import sys; compile(open(sys.argv[1], encoding="utf-8").read(), sys.argv[1], "exec")' "$file" || status=1
done
if grep -rnE '^(<<<<<<<|>>>>>>>) ' --include='*.[ch]' --include='*.inc' --include='*.def' --include='*.py' --include='*.sh' \
  --include='*.md' --include='*.js' --include='*.html' --include='CMakeLists.txt' --include=Makefile \
  CMakeLists.txt Makefile README.md CHANGELOG.md CONTRIBUTING.md cmake docs include scripts src tests tools; then
  status=1
fi
exit $status
