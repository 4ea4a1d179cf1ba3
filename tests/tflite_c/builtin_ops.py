"""builtin_ops.h numbers every builtin operator of the schema, by its name: builtin_ops.py HEADER"""
import re
import sys

try:
    from ai_edge_litert import schema_py_generated as schema
except ImportError as problem:
    print("skipped: %s" % problem)
    sys.exit(77)

with open(sys.argv[1]) as header:
    ours = {int(number): name for name, number in re.findall(r"kTfLiteBuiltin(\w+) = (\d+)", header.read())}
theirs = {number: name for name, number in vars(schema.BuiltinOperator).items() if isinstance(number, int)}
wrong = [(number, ours.get(number), theirs.get(number)) for number in sorted(set(ours) | set(theirs))
         if ours.get(number, "").lower() != theirs.get(number, "").replace("_", "").lower()]
for number, name, want in wrong:
    print("FAIL %d is %s, in the schema %s" % (number, name, want))
print("%d operators, %d failures" % (len(theirs), len(wrong)))
sys.exit(1 if wrong else 0)
