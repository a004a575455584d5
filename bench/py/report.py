# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""The report: a head, a section a bench with its tables and plots, in Markdown; and its place in bench/README.md."""

import dataclasses
import math
import pathlib

BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"


@dataclasses.dataclass
class Section:
    title: str
    text: list  # paragraphs and tables
    charts: list = dataclasses.field(default_factory=list)  # what plots.draw() takes


def number(value):
    """Three digits that count."""
    if value is None or math.isnan(value):
        return ""
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:.{digits}f}"


def ratio_text(ratio):
    return "" if ratio is None else f"{ratio:.2f}"


def markdown_table(head, rows):
    """The first column is text, the others are figures."""
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def head_table(header):
    return "\n".join(["| | |", "|---|---|", *(f"| {title} | {text} |" for title, text in header.items())])


def markdown(header, sections, level=1, folder=""):
    """`level` of the top heading; `folder` in front of the plots' names."""
    parts = [f"{'#' * level} Bench result, {header['date']}", head_table(header)]
    for section in sections:
        parts += [f"{'#' * (level + 1)} {section.title}", *section.text]
        parts += [f"![{title}]({folder}{name}.svg)" for name, title, *_ in section.charts]
    return "\n\n".join(parts) + "\n"


def into_readme(readme, text):
    """Puts the text between the two marks of a Markdown file."""
    path = pathlib.Path(readme)
    old = path.read_text(encoding="utf-8")
    before, found, rest = old.partition(BEGIN)
    _, closed, after = rest.partition(END)
    if not found or not closed:
        raise ValueError(f"{readme} lacks {BEGIN} ... {END}")
    path.write_text(f"{before}{BEGIN}\n{text}{END}{after}", encoding="utf-8")
