# What the command line's tests share. Each is called as: SCRIPT LINNET TESTS_DIR SHARED_DIR
set -u
linnet=$1
tests=$2
shared=$3
models=$tests/cli/models
data=$tests/io/data
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
failed=0

complain() {
  echo "FAILED: $*"
  failed=$((failed + 1))
}

# fails STATUS PATTERN COMMAND...: that exit status, nothing on standard output, one line with PATTERN on standard error
fails() {
  status=$1
  pattern=$2
  shift 2
  "$@" > "$work/out" 2> "$work/err" < /dev/null
  got=$?
  [ $got -eq "$status" ] || complain "exit status $got, not $status: $*"
  [ ! -s "$work/out" ] || complain "wrote to standard output: $*"
  [ "$(wc -l < "$work/err")" -eq 1 ] || complain "$(wc -l < "$work/err") lines of error: $* : $(cat "$work/err")"
  grep -q -e "$pattern" "$work/err" || complain "no '$pattern' in: $(cat "$work/err")"
}

# prints PATTERN COMMAND...: exit status 0, nothing on standard error, PATTERN on standard output (kept in $work/out)
prints() {
  pattern=$1
  shift
  "$@" > "$work/out" 2> "$work/err" || complain "exit status $?: $* : $(cat "$work/err")"
  [ ! -s "$work/err" ] || complain "wrote to standard error: $* : $(cat "$work/err")"
  grep -q -e "$pattern" "$work/out" || complain "no '$pattern' in the output of $*: $(cat "$work/out")"
}

finish() {
  echo "$failed failed"
  [ $failed -eq 0 ]
}
