# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""The result store: samples in, one JSON object a figure out.

A figure is named by bench (say "veth rxonly 64 B, 2 cores"), subject (say "net_af_xdp busy_budget=0") and metric
(say "rate"). What a subject cannot do is kept as well, with the reason in place of the figures.
"""

import json
import statistics


class Store:
    def __init__(self):
        self._samples = {}  # (bench, subject, metric) -> [value of each run]
        self._units = {}  # metric -> unit
        self._refusals = {}  # (bench, subject) -> why there are no figures
        self._foreign = []  # records that another program made

    def add(self, bench, subject, metric, unit, value):
        """One run's value. A metric has one unit throughout."""
        if self._units.setdefault(metric, unit) != unit:
            raise ValueError(f"{metric}: {unit} after {self._units[metric]}")
        self._samples.setdefault((bench, subject, metric), []).append(float(value))

    def refuse(self, bench, subject, why):
        self._refusals.setdefault((bench, subject), " ".join(why.split()))

    def merge(self, records):
        """Takes in records of the same form that a bench program wrote by itself."""
        wanted = {"bench", "subject", "metric", "unit", "median", "min", "max", "runs"}
        for record in records:
            if not wanted <= record.keys():
                raise ValueError(f"a record without {sorted(wanted - record.keys())}: {record}")
        self._foreign += records

    def samples(self, bench, subject, metric):
        """Values in the order of the runs; empty when there are none."""
        return self._samples.get((bench, subject, metric), [])

    def median(self, bench, subject, metric):
        """None when there is no sample."""
        values = self.samples(bench, subject, metric)
        return statistics.median(values) if values else None

    def spread(self, bench, subject, metric):
        """Half of the distance from least to greatest, as a part of the median."""
        values = self.samples(bench, subject, metric)
        middle = statistics.median(values) if values else 0
        return (max(values) - min(values)) / 2 / middle if middle else float("nan")

    def ratio(self, bench, subject, rival, metric):
        """Median of the runs' own ratios: neighbours in time, so that what disturbs a round disturbs both sides.
        None where one of the two has no sample."""
        pairs = zip(self.samples(bench, subject, metric), self.samples(bench, rival, metric))
        ratios = [ours / theirs for ours, theirs in pairs if theirs]
        return statistics.median(ratios) if ratios else None

    def refusal(self, bench, subject):
        return self._refusals.get((bench, subject))

    def unit(self, metric):
        return self._units[metric]

    def benches(self):
        """In the order they first had a result."""
        return list(dict.fromkeys([bench for bench, _, _ in self._samples] + [bench for bench, _ in self._refusals]))

    def subjects(self, bench=None):
        return list(dict.fromkeys(subject for found, subject, *_ in [*self._samples, *self._refusals]
                                  if bench in (None, found)))

    def records(self):
        made = [{"bench": bench, "subject": subject, "metric": metric, "unit": self._units[metric],
                 "median": statistics.median(values), "min": min(values), "max": max(values), "runs": len(values)}
                for (bench, subject, metric), values in self._samples.items()]
        made += [{"bench": bench, "subject": subject, "metric": None, "unit": None, "median": None, "min": None,
                  "max": None, "runs": 0, "note": why} for (bench, subject), why in self._refusals.items()]
        return made + self._foreign

    def write(self, path):
        path.write_text(json.dumps(self.records(), indent=1) + "\n", encoding="utf-8")
