# SPDX-License-Identifier: BSD-2-Clause
"""Reads the files that the program trace writes (docs/tracing.md): whether they are sane, and what happened in them."""

import json
from collections import defaultdict
from dataclasses import dataclass, field

PROCESSORS = "CPUs"


class TimelineError(Exception):
    """What is wrong with a file."""


@dataclass
class Track:
    process: str = "?"
    name: str = "?"
    last: float = -1.0
    open: list = field(default_factory=list)


@dataclass
class Step:
    """Where an arrow of a flow begins or ends."""

    moment: float
    process: str
    track: str
    slices: tuple       # those that are open, the outermost first


class Timeline:
    """Of a whole file (text). TimelineError: it is not JSON, slices do not nest, time goes back on a track, a flow has no beginning, no end, or is in no slice."""

    def __init__(self, text):
        try:
            whole = json.loads(text)
            self.events = whole["traceEvents"]
            self.lost = int(whole["otherData"]["lost events"])
        except (ValueError, KeyError, TypeError) as error:
            raise TimelineError(f"it is no such file: {error}") from error
        self.tracks = defaultdict(Track)
        self.flows = defaultdict(list)
        self.slices = []            # (process, track, name)
        self.marks = []             # the same of events without a duration
        self._names()
        state = {}
        for event in self.events:
            if event["ph"] != "M":
                self._event(event, state)
        self._ends(state)

    def _names(self):
        processes = {e["pid"]: e["args"]["name"] for e in self.events if e["ph"] == "M" and e["name"] == "process_name"}
        for event in self.events:
            if event["ph"] != "M":
                key = event["pid"], event["tid"]
                self.tracks[key].process = processes.get(event["pid"], "?")
            elif event["name"] == "thread_name":
                self.tracks[event["pid"], event["tid"]].name = event["args"]["name"]

    def _event(self, event, state):
        track = self.tracks[event["pid"], event["tid"]]
        if event["ts"] < track.last:
            raise TimelineError(f"{track.process}, {track.name}: time goes back from {track.last} to {event['ts']}")
        track.last = event["ts"]
        kind = event["ph"]
        if kind == "B":
            track.open.append(event["name"])
            self.slices.append((track.process, track.name, event["name"]))
        elif kind == "E":
            if not track.open:
                raise TimelineError(f"{track.process}, {track.name}: at {event['ts']} a slice ends that has not begun")
            track.open.pop()
        elif kind == "i":
            self.marks.append((track.process, track.name, event["name"]))
        elif kind in "stf":
            self._flow(event, kind, track, state)
        else:
            raise TimelineError(f"there is an event of kind {kind!r}")

    def _flow(self, event, kind, track, state):
        number = event["id"]
        before = state.get(number)
        if (kind == "s") != (before is None) or before == "f":
            raise TimelineError(f"flow {number}: {kind!r} comes after {before!r}")
        if not track.open:
            raise TimelineError(f"flow {number}: at {event['ts']} it is in no slice of {track.process}, {track.name}")
        state[number] = kind
        self.flows[number].append(Step(event["ts"], track.process, track.name, tuple(track.open)))

    def _ends(self, state):
        for number, kind in state.items():
            if kind != "f":
                raise TimelineError(f"flow {number} has no end")
        for track in self.tracks.values():
            if track.open:
                raise TimelineError(f"{track.process}, {track.name}: {track.open[-1]} does not end")

    def ways(self):
        """Of each flow, the processes that it comes through, one after the other, each with the track's name where it is a CPU's."""
        for steps in self.flows.values():
            way = []
            for step in steps:
                place = step.track if step.process == PROCESSORS else step.process
                if not way or way[-1] != place:
                    way.append(place)
            yield way

    def has_way(self, *places):
        """There is a flow that comes through these, in this order; others may be between them."""
        return any(_is_within(places, way) for way in self.ways())


def _is_within(places, way):
    rest = iter(way)
    return all(any(place in found for found in rest) for place in places)
