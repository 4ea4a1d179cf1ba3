#!/usr/bin/env python3
"""Runs a command on a terminal of its own and draws what it printed as an SVG picture, colours included.

usage: terminal_svg.py OUT.svg [--columns 80] [--title TEXT] -- COMMAND [ARG...]
"""
import argparse
import html
import os
import pty
import re
import sys

CELL_W, CELL_H, MARGIN = 8.4, 17, 14


def run_on_terminal(command, columns):
    """All that the command writes to a terminal of so many columns."""
    pid, fd = pty.fork()
    if pid == 0:
        os.environ.update(COLUMNS=str(columns), TERM="xterm-256color", COLORTERM="truecolor")
        os.execvp(command[0], command)
    text = b""
    while True:
        try:
            piece = os.read(fd, 65536)
        except OSError:
            break
        if not piece:
            break
        text += piece
    os.waitpid(pid, 0)
    return text.decode("utf-8", "replace").replace("\r", "")


def colour_of(codes):
    """The colour that 2;r;g;b or 5;n says, and what is left of the codes."""
    if codes[:1] == ["2"]:
        return "#%02x%02x%02x" % tuple(int(c) for c in codes[1:4]), codes[4:]
    n = int(codes[1])
    if n >= 232:
        level = 8 + 10 * (n - 232)
        return "#%02x%02x%02x" % (level, level, level), codes[2:]
    n -= 16
    steps = [0, 95, 135, 175, 215, 255]
    return "#%02x%02x%02x" % (steps[n // 36 % 6], steps[n // 6 % 6], steps[n % 6]), codes[2:]


def apply_codes(codes, style):
    while codes:
        code, codes = codes[0], codes[1:]
        if code in ("", "0"):
            style.update(fg=None, bg=None, bold=False)
        elif code == "1":
            style["bold"] = True
        elif code == "38":
            style["fg"], codes = colour_of(codes)
        elif code == "48":
            style["bg"], codes = colour_of(codes)
        elif code == "39":
            style["fg"] = None
        elif code == "49":
            style["bg"] = None


def cells(text):
    """Rows of (character, foreground, background, bold)."""
    rows, row, style = [], [], {"fg": None, "bg": None, "bold": False}
    for match in re.finditer(r"\x1b\[([0-9;]*)m|\x1b\[[0-9;?]*[A-Za-z]|(.|\n)", text):
        if match.group(1) is not None:
            apply_codes(match.group(1).split(";"), style)
        elif match.group(2) == "\n":
            rows.append(row)
            row = []
        elif match.group(2):
            row.append((match.group(2), style["fg"], style["bg"], style["bold"]))
    return rows + ([row] if row else [])


def draw(rows, title):
    width = MARGIN * 2 + CELL_W * max((len(row) for row in rows), default=1)
    height = MARGIN * 2 + CELL_H * (len(rows) + 1)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
           'font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="14" xml:space="preserve">',
           '<rect width="100%" height="100%" rx="8" fill="#16181d"/>',
           f'<text x="{MARGIN}" y="{MARGIN + 8}" fill="#8a93a6">$ {html.escape(title)}</text>']
    for y, row in enumerate(rows, 1):
        top = MARGIN + CELL_H * y
        for x, (character, fg, bg, bold) in enumerate(row):
            left = MARGIN + CELL_W * x
            if bg:
                out.append(f'<rect x="{left:.1f}" y="{top}" width="{CELL_W + .3:.1f}" height="{CELL_H + .3}" fill="{bg}"/>')
            if character == "▀":
                out.append(f'<rect x="{left:.1f}" y="{top}" width="{CELL_W + .3:.1f}" height="{CELL_H / 2}" fill="{fg or "#d8dee9"}"/>')
        # Text in runs of one colour: half blocks are drawn above.
        start = 0
        while start < len(row):
            end = start
            while end < len(row) and row[end][1] == row[start][1] and row[end][3] == row[start][3]:
                end += 1
            run = "".join(" " if c[0] == "▀" else c[0] for c in row[start:end])
            if run.strip():
                weight = ' font-weight="bold"' if row[start][3] else ""
                out.append(f'<text x="{MARGIN + CELL_W * start:.1f}" y="{top + 13}" textLength="{CELL_W * len(run):.1f}" '
                           f'fill="{row[start][1] or "#d8dee9"}"{weight}>{html.escape(run)}</text>')
            start = end
    return "\n".join(out + ["</svg>", ""])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    parser.add_argument("--columns", type=int, default=80)
    parser.add_argument("--title")
    parser.add_argument("command", nargs="+")
    args = parser.parse_args()
    rows = cells(run_on_terminal(args.command, args.columns))
    while rows and not rows[-1]:
        rows.pop()
    with open(args.out, "w", encoding="utf-8") as out:
        out.write(draw(rows, args.title or " ".join(args.command)))


if __name__ == "__main__":
    sys.exit(main())
