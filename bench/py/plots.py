# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""Bar charts of a metric as SVG: a group of bars a bench, a colour a subject, least and greatest as whiskers."""

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams.update({"svg.hashsalt": "zcnbrh", "font.size": 9, "font.family": "DejaVu Sans",
                            "svg.fonttype": "path", "axes.spines.top": False, "axes.spines.right": False})
from matplotlib import pyplot  # pylint: disable=wrong-import-position

# Ours in one family of colours, the rivals in others; readable without colour by their order, too.
OURS = ["#b2182b", "#ef8a62", "#e7298a", "#fdae61", "#7f0000"]
RIVALS = ["#2166ac", "#67a9cf", "#1b7837", "#a6dba0", "#4d4d4d", "#999999", "#542788", "#b2abd2"]
BAR = 0.16  # inches a bar


def _colours(subjects):
    ours, rivals = iter(OURS), iter(RIVALS)
    return {subject: next(ours, "#000000") if subject.startswith(("net_zcnbrh", "libzcnbrh")) else
            next(rivals, "#cccccc") for subject in subjects}


def draw(store, chart, folder):
    """chart: (file name, title, unit, benches, subjects, metric). Horizontal bars, so that names can be read."""
    name, title, unit, benches, subjects, metric = chart
    subjects = [subject for subject in subjects if any(store.samples(bench, subject, metric) for bench in benches)]
    benches = [bench for bench in benches if any(store.samples(bench, subject, metric) for subject in subjects)]
    if not benches:
        return None
    colours = _colours(subjects)
    height = 1.2 + BAR * (len(subjects) + 1.2) * len(benches)
    figure, axes = pyplot.subplots(figsize=(8, height))
    step = len(subjects) + 1.2
    for row, subject in enumerate(subjects):
        places, values, whiskers = [], [], ([], [])
        for group, bench in enumerate(benches):
            samples = store.samples(bench, subject, metric)
            if samples:
                middle = store.median(bench, subject, metric)
                places.append(group * step + row)
                values.append(middle)
                whiskers[0].append(middle - min(samples))
                whiskers[1].append(max(samples) - middle)
        axes.barh(places, values, xerr=whiskers, height=0.85, color=colours[subject], label=subject,
                  error_kw={"elinewidth": 0.8, "capsize": 1.5})
    axes.set_yticks([group * step + (len(subjects) - 1) / 2 for group in range(len(benches))],
                    [bench.partition(" ")[2] or bench for bench in benches])
    axes.invert_yaxis()
    axes.set_ylim(len(benches) * step - 0.6, -0.8)
    axes.set_xlim(left=0)
    axes.set_xlabel(unit)
    axes.set_title(title, loc="left")
    axes.grid(axis="x", linewidth=0.4)
    axes.set_axisbelow(True)
    figure.legend(*axes.get_legend_handles_labels(), loc="lower left", bbox_to_anchor=(0.02, 0.0), ncol=2,
                  frameon=False, fontsize=8)
    legend = (len(subjects) + 1) // 2 * 0.19 + 0.45
    figure.subplots_adjust(left=0.2, right=0.97, top=1 - 0.35 / (height + legend),
                           bottom=(legend + 0.25) / (height + legend))
    figure.set_size_inches(8, height + legend)
    path = folder / f"{name}.svg"
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
    return path
