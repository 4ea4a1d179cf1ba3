#!/usr/bin/env python3
"""Makes src/kernels/generic/unicode_scripts.inc, the scripts of Unicode's characters as ICU numbers them, from what TensorFlow's
UnicodeScript and its regular expressions say: unicode_scripts.py [--check]

--check compares instead of writing; exit status 77 without TensorFlow."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from unicode_tables import run_arrays

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "src", "kernels", "generic", "unicode_scripts.inc")
NAMES = """Adlam Ahom Anatolian_Hieroglyphs Arabic Armenian Avestan Balinese Bamum Bassa_Vah Batak Bengali Bhaiksuki Bopomofo Brahmi
Braille Buginese Buhid Canadian_Aboriginal Carian Caucasian_Albanian Chakma Cham Cherokee Chorasmian Common Coptic Cuneiform Cypriot
Cypro_Minoan Cyrillic Deseret Devanagari Dives_Akuru Dogra Duployan Egyptian_Hieroglyphs Elbasan Elymaic Ethiopic Georgian Glagolitic
Gothic Grantha Greek Gujarati Gunjala_Gondi Gurmukhi Han Hangul Hanifi_Rohingya Hanunoo Hatran Hebrew Hiragana Imperial_Aramaic
Inherited Inscriptional_Pahlavi Inscriptional_Parthian Javanese Kaithi Kannada Katakana Kawi Kayah_Li Kharoshthi Khitan_Small_Script
Khmer Khojki Khudawadi Lao Latin Lepcha Limbu Linear_A Linear_B Lisu Lycian Lydian Mahajani Makasar Malayalam Mandaic Manichaean Marchen
Masaram_Gondi Medefaidrin Meetei_Mayek Mende_Kikakui Meroitic_Cursive Meroitic_Hieroglyphs Miao Modi Mongolian Mro Multani Myanmar
Nabataean Nag_Mundari Nandinagari New_Tai_Lue Newa Nko Nushu Nyiakeng_Puachue_Hmong Ogham Ol_Chiki Old_Hungarian Old_Italic
Old_North_Arabian Old_Permic Old_Persian Old_Sogdian Old_South_Arabian Old_Turkic Old_Uyghur Oriya Osage Osmanya Pahawh_Hmong Palmyrene
Pau_Cin_Hau Phags_Pa Phoenician Psalter_Pahlavi Rejang Runic Samaritan Saurashtra Sharada Shavian Siddham SignWriting Sinhala Sogdian
Sora_Sompeng Soyombo Sundanese Syloti_Nagri Syriac Tagalog Tagbanwa Tai_Le Tai_Tham Tai_Viet Takri Tamil Tangsa Tangut Telugu Thaana
Thai Tibetan Tifinagh Tirhuta Toto Ugaritic Vai Vithkuqi Wancho Warang_Citi Yezidi Yi Zanabazar_Square""".split()


def ask():
    """[code] of all code points, and {name: code}."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf
    codes = tf.raw_ops.UnicodeScript(input=list(range(0x110000))).numpy().tolist()
    first = {}
    for c, code in enumerate(codes):
        if not 0xD800 <= c < 0xE000:
            first.setdefault(code, []).append(chr(c).encode())
    found = {}
    for name in NAMES:
        for code, examples in first.items():
            part = examples[:: max(1, len(examples) // 40)]
            hits = tf.raw_ops.StaticRegexFullMatch(input=part, pattern="\\p{%s}" % name).numpy()
            if 2 * sum(hits) > len(part):
                found[name] = code
    return codes, found


def text():
    codes, found = ask()
    runs, last = [], None
    for c, code in enumerate(codes):
        if code != last:
            runs.append((c, code))
            last = code
    names = sorted(found)
    out = ["/* Made by scripts/unicode_scripts.py. */", "/* clang-format off */", ""]

    def lines(items, joiner):
        made, line = [], "   "
        for item in items:
            if len(line) + len(item) > 300:
                made.append(line)
                line = "   "
            line += " " + item + joiner
        return made + [line.rstrip(",")]

    out += run_arrays("script", runs, "The script")
    out += ["/* Names, one after another, and their numbers. */", "static const char script_names[] ="]
    out += lines([f'"{n}\\0"' for n in names], "")
    out[-1] += ";"
    out += ["", f"static const uint8_t script_codes[{len(names)}] = {{"] + lines([str(found[n]) for n in names], ",") + ["};"]
    return "\n".join(out) + "\n"


def main():
    try:
        made = text()
    except ImportError as e:
        print(f"skipped: {e}")
        return 77
    if "--check" not in sys.argv[1:]:
        with open(PATH, "w") as f:
            f.write(made)
        return 0
    with open(PATH) as f:
        fresh = f.read() == made
    print("unicode_scripts.inc is " + ("fresh" if fresh else "not what its script makes"))
    return not fresh


if __name__ == "__main__":
    sys.exit(main())
