"""The ctypes mirror in linnet._library says what the public headers say. usage: mirror.py INCLUDE_DIR"""
import ctypes
import os
import re
import sys

from linnet import _library

WORDS = {"int32_t": ctypes.c_int32, "int64_t": ctypes.c_int64, "size_t": ctypes.c_size_t, "bool": ctypes.c_bool,
         "uint64_t": ctypes.c_uint64, "float": ctypes.c_float, "double": ctypes.c_double, "void": None, "ln_operator_fn": _library.OperatorFunction,
         "ln_progress_fn": _library.ProgressFunction, "ln_train_fn": _library.TrainFunction}
POINTERS = {"char": ctypes.c_char_p, "size_t": ctypes.POINTER(ctypes.c_size_t), "int32_t": ctypes.POINTER(ctypes.c_int32)}
failures = 0


def check(holds, what):
    global failures
    if not holds:
        failures += 1
        print("FAIL %s" % what)


def ctype_of(declaration):
    """Of "const ln_model *model" or "ln_tensor *"; the parameter's name does not count."""
    words = declaration.replace("const ", "").strip()
    stars, base = words.count("*"), words.split()[0].rstrip("*")
    if stars == 0:
        return WORDS[base]
    if stars == 2 and base in _library.STRUCTS:
        return ctypes.POINTER(ctypes.POINTER(_library.STRUCTS[base]))
    if stars == 2 and base == "char":
        return ctypes.POINTER(ctypes.c_char_p)
    if stars == 2:
        return ctypes.POINTER(ctypes.c_void_p)
    if base in _library.STRUCTS:
        return ctypes.POINTER(_library.STRUCTS[base])
    return POINTERS.get(base, ctypes.c_void_p)


def fields_of(body):
    for declaration in body.split(";"):
        declaration = declaration.strip()
        if not declaration:
            continue
        function = re.match(r"(.*)\(\*(\w+)\)\((.*)\)$", declaration)
        if function:
            arguments = [ctype_of(part) for part in function.group(3).split(",")]
            yield function.group(2), ctypes.CFUNCTYPE(ctype_of(function.group(1)), *arguments)
            continue
        name = re.search(r"(\w+)(?:\[(\d+)\])?$", declaration)
        kind = declaration[:name.start()]
        if "," in kind:  # several of one type
            first, *others = declaration.split(",")
            kind = first.rsplit(None, 1)[0]
            for each in [first.rsplit(None, 1)[1], *others]:
                yield each.strip(" *"), ctype_of(kind + " " + "*" * each.count("*"))
        elif name.group(2):
            yield name.group(1), ctypes.c_char * int(name.group(2))
        else:
            yield name.group(1), ctype_of(kind)


text = ""
folder = os.path.join(sys.argv[1], "linnet")
for header in sorted(os.listdir(folder)):
    with open(os.path.join(folder, header)) as file:
        text += file.read()
WORDS.update({name: ctypes.c_int for name in re.findall(r"typedef enum (\w+)", text)})
text = re.sub(r"/\*.*?\*/", " ", text, flags=re.S)
text = re.sub(r"\s+", " ", text)

prototypes = {m.group(2): (m.group(1), m.group(3)) for m in re.finditer(r"LN_API ([^;()]*?)(ln_\w+)\(([^)]*)\)", text)}
for name, (result, arguments) in _library.FUNCTIONS.items():
    check(name in prototypes, "%s is in no header" % name)
    if name not in prototypes:
        continue
    said_result, said = prototypes[name]
    said = [] if said.strip() == "void" else [ctype_of(part) for part in said.split(",") if part.strip() != "..."]
    check(ctype_of(said_result) == result, "%s: result %s" % (name, result))
    check(said == list(arguments), "%s: %s, the header says %s" % (name, arguments, said))

for name, structure in _library.STRUCTS.items():
    body = re.search(r"typedef struct %s \{(.*?)\} %s;" % (name, name), text).group(1)
    check(list(structure._fields_) == list(fields_of(body)), "%s: %s, the header says %s"
          % (name, structure._fields_, list(fields_of(body))))

for name, mirror in _library.ENUMS.items():
    body = re.search(r"typedef enum %s \{(.*?)\} %s;" % (name, name), text).group(1)
    said = {}
    for item in body.split(","):
        key, value = item.split("=")
        said[key.strip()] = int(value)
    prefix = "LN_SPARSITY_" if name == "ln_sparsity_part" else "LN_"
    check({prefix + member.name: member.value for member in mirror} == said, "%s: the header says %s" % (name, said))

print("%d functions, %d structs, %d enumerations, %d failures"
      % (len(_library.FUNCTIONS), len(_library.STRUCTS), len(_library.ENUMS), failures))
sys.exit(1 if failures else 0)
