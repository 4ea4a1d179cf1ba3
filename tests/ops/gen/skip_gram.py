"""SKIP_GRAM."""
from lib import case, tensor

F = "skip_gram"
TEXTS = {"sentence": "The quick\t brown fox\n jumps over the lazy dog!", "three": "one two three", "two": "one  two",
         "one": "word", "none": "", "spaces": "  ", "leading": " a b c", "trailing": "a b c  ", "utf8": "äö ü ßx"}


def cases():
    for name, text in TEXTS.items():
        for size, skip, shorter in ((1, 0, False), (2, 0, False), (2, 0, True), (2, 1, False), (3, 0, True), (3, 2, False),
                                    (3, 2, True), (4, 9, False)):
            if name != "sentence" and (size, skip) in ((1, 0), (2, 1), (4, 9)):
                continue
            case(F, f"{name}_{size}_{skip}{'_shorter' if shorter else ''}", "SKIP_GRAM",
                 {"ngramSize": size, "maxSkipSize": skip, "includeAllNgrams": shorter}, [tensor([1], "str", data=[text])],
                 [tensor(None, "str")])
    for size, skip in ((0, 1), (-1, 1), (2, -1), (1, -3)):
        case(F, f"odd_{size}_{skip}".replace("-", "minus"), "SKIP_GRAM",
             {"ngramSize": size, "maxSkipSize": skip, "includeAllNgrams": True}, [tensor([1], "str", data=["a b c"])],
             [tensor(None, "str")])
    case(F, "first_of_two", "SKIP_GRAM", {"ngramSize": 2}, [tensor([2], "str", data=["a b c", "d e f"])], [tensor(None, "str")])
