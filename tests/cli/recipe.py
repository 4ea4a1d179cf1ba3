"""The recipes' schema is what the tool prints, and says of recipes what the tool does. usage: recipe.py LINNET SOURCE"""
import json
import os
import re
import subprocess
import sys
import tempfile

linnet, source = sys.argv[1:3]
failures = 0


def check(holds, what):
    global failures
    if not holds:
        failures += 1
        print("FAILED:", what)


def is_type(value, name):
    if name in ("number", "integer"):
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return number and (name == "number" or value == int(value))
    return isinstance(value, {"object": dict, "array": list, "string": str, "boolean": bool}[name])


KNOWN = {"$schema", "$defs", "$ref", "title", "description", "default", "type", "properties", "additionalProperties",
         "required", "items", "minItems", "enum", "const", "minimum", "maximum", "pattern", "anyOf", "oneOf"}


def valid(schema, value, root):
    """JSON Schema, as far as the recipes' uses it."""
    assert set(schema) <= KNOWN, set(schema) - KNOWN
    if "$ref" in schema and not valid(root["$defs"][schema["$ref"].rsplit("/", 1)[1]], value, root):
        return False
    types = schema.get("type", [])
    if types and not any(is_type(value, name) for name in ([types] if isinstance(types, str) else types)):
        return False
    if "const" in schema and value != schema["const"] or "enum" in schema and value not in schema["enum"]:
        return False
    if "anyOf" in schema and not any(valid(each, value, root) for each in schema["anyOf"]):
        return False
    if "oneOf" in schema and sum(valid(each, value, root) for each in schema["oneOf"]) != 1:
        return False
    if isinstance(value, str) and "pattern" in schema and not re.search(schema["pattern"], value):
        return False
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if not schema.get("minimum", value) <= value <= schema.get("maximum", value):
            return False
    if isinstance(value, list):
        if len(value) < schema.get("minItems", 0):
            return False
        return all(valid(schema.get("items", {}), each, root) for each in value)
    if isinstance(value, dict):
        known = schema.get("properties", {})
        if not set(schema.get("required", [])) <= set(value):
            return False
        if schema.get("additionalProperties") is False and not set(value) <= set(known):
            return False
        return all(valid(known[key], each, root) for key, each in value.items() if key in known)
    return True


printed = subprocess.run([linnet, "optimize", "--schema"], capture_output=True, text=True, check=True).stdout
schema = json.loads(printed)
with open(os.path.join(source, "docs", "recipe.schema.json")) as file:
    check(file.read() == printed, "docs/recipe.schema.json is not what `linnet optimize --schema` prints")

features = subprocess.run([linnet, "version"], capture_output=True, text=True, check=True).stdout
if "cJSON" not in features:
    print("skipped: this build reads no recipes")
    sys.exit(1 if failures else 77)


def a_value(parameter):
    """One that the parameter takes."""
    if "enum" in parameter:
        return parameter["enum"][-1]
    if parameter["type"] == "boolean":
        return True
    if parameter["type"] == "string":
        return ""
    return parameter["minimum"]


def a_wrong_value(parameter):
    if "enum" in parameter:
        return parameter["enum"][-1] + "?"
    if parameter["type"] == "boolean":
        return "perhaps"
    return parameter["maximum"] + 1 if "maximum" in parameter else 12


work = tempfile.TemporaryDirectory()
path = os.path.join(work.name, "recipe.json")


def judge(text, good, place=""):
    with open(path, "w") as file:
        file.write(text)
    done = subprocess.run([linnet, "optimize", "--recipe", path, "--print-recipe"], capture_output=True, text=True)
    check((done.returncode == 0) == good, "%s: %s" % (text, done.stderr.strip() or "accepted"))
    if not good:
        check(done.returncode == 1 and done.stderr.count("\n") == 1, "not one line: %r" % done.stderr)
        check("recipe.json: " + place in done.stderr, "no place %s in: %s" % (place, done.stderr))


def both(recipe, good, place=""):
    check(valid(schema, recipe, schema) == good, "the schema says otherwise of %s" % json.dumps(recipe))
    judge(json.dumps(recipe), good, place)


techniques = [each["properties"]["technique"]["const"] for each in schema["properties"]["stages"]["items"]["oneOf"]]
both({"stages": [{"technique": name} for name in techniques]}, True)
for name in techniques:
    parameters = schema["$defs"][name]["properties"]
    said = {key: a_value(value) for key, value in parameters.items()}
    both({"$schema": "recipe.schema.json", "stages": [
        {"technique": name, "parameters": said, "include": ["dense", "type:CONV_2D"], "exclude": "op:3",
         "layers": [{"select": "source:head", "parameters": said}]}]}, True)
    for key, value in parameters.items():
        if value.get("type") == "string":
            continue
        wrong = {"technique": name, "parameters": {key: a_wrong_value(value)}}
        both({"stages": [{"technique": name}, wrong]}, False, "stages[1].parameters.%s: " % key)

for recipe, place in [
        ([], ""), ({}, "stages: "), ({"stages": []}, "stages: "), ({"stages": {}}, "stages: "),
        ({"stages": [1]}, "stages[0]: "), ({"stages": [{}]}, "stages[0].technique: "),
        ({"stages": [{"technique": "magic"}]}, "stages[0].technique: "), ({"stages": [{"technique": 1}]}, "stages[0].technique"),
        ({"stages": [{"technique": "prune", "tecnique": 1}]}, "stages[0]: no key \"tecnique\""),
        ({"stages": [{"technique": "prune", "parameters": []}]}, "stages[0].parameters: "),
        ({"stages": [{"technique": "prune", "parameters": {"magic": 1}}]}, "stages[0].parameters.magic: "),
        ({"stages": [{"technique": "prune", "include": [1]}]}, "stages[0].include[0]: "),
        ({"stages": [{"technique": "prune", "exclude": 1}]}, "stages[0].exclude: "),
        ({"stages": [{"technique": "prune", "layers": {}}]}, "stages[0].layers: "),
        ({"stages": [{"technique": "prune", "layers": [{"parameters": {}}]}]}, "stages[0].layers[0].select: "),
        ({"stages": [{"technique": "prune", "layers": [{"select": "a"}]}]}, "stages[0].layers[0].parameters: "),
        ({"stages": [{"technique": "prune", "layers": [{"select": "a", "parameters": {"magic": 1}}]}]},
         "stages[0].layers[0].parameters.magic: "),
        ({"stages": [{"technique": "prune"}], "stage": 1}, "no key \"stage\"")]:
    both(recipe, False, place)
# What a schema does not see.
judge('{"stages": [{"technique": "prune", "exclude": ["("]}]}', False, "stages[0].exclude[0]: ")
judge('{"stages": [{"technique": "prune", "technique": "prune"}]}', False, "stages[0].technique: said twice")
judge('{"stages": [{"technique": "prune",\n\n}]}', False, "not JSON: line 3 ")
judge('{"stages": [{"technique": "prune"}]} and more', False, "not JSON: line 1 ")
judge("", False)
judge("[" * 100000, False, "not JSON")
print("%d failed" % failures)
sys.exit(1 if failures else 0)
