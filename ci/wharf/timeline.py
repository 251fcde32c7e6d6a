# SPDX-License-Identifier: BSD-2-Clause
"""Reads the files that the program trace writes (docs/tracing.md): whether they are what Chrome's format of trace events asks for, and what happened in them.

Of the format the program uses slices (B, E), marks (i), flows (s, t, f) and names (M), and no others are taken.
"""

import json
from collections import defaultdict
from dataclasses import dataclass, field

PROCESSORS = "CPUs"
NUMBERS = range(1 << 32)    # of processes and threads
NAMES = ("process_name", "thread_name")
UNITS = ("ms", "ns")


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


def _unique(pairs):
    """A JSON object; who reads one with a key that is there twice takes whichever he likes."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError(f"a key is there twice: {pairs}")
    return found


def _constant(word):
    raise ValueError(f"{word} is no number of JSON")


def _is_name(value):
    return isinstance(value, str) and value != ""


def _check_fields(event):
    """What each event must have, whatever was before it. What is wrong with it; None: nothing."""
    kind = event.get("ph")
    if kind not in ("B", "E", "i", "s", "t", "f", "M"):
        return "it is of no such kind"
    if any(type(event.get(key)) is not int or event[key] not in NUMBERS for key in ("pid", "tid")):
        return "its process or thread is no number"
    if not isinstance(event.get("args", {}), dict):
        return "its arguments are none"
    if kind == "M":
        return _check_metadata(event)
    if type(event.get("ts")) not in (int, float) or not 0 <= event["ts"] < 1 << 53:
        return "its moment is no number of microseconds"
    if kind != "E" and not _is_name(event.get("name")):
        return "it has no name"
    if kind == "i" and event.get("s", "t") not in ("g", "p", "t"):
        return "it is a mark of no such scope"
    if kind in "stf" and not (_is_name(event.get("cat")) and _is_name(event.get("id"))):
        return "it is of a flow without id or category"
    if kind == "f" and event.get("bp") != "e":
        return "its flow ends in the next slice, and not in the one that it is in (bp)"
    return None


def _check_metadata(event):
    if event.get("name") not in NAMES or not _is_name(event.get("args", {}).get("name")):
        return "it gives no name to a process or thread"
    return None


class Timeline:
    """Of a whole file (text). TimelineError: it is not JSON, an event lacks what its kind must have, a track has no name or two, slices do not nest, time goes back
    on a track or in a flow, a flow has no beginning, no end, or is in no slice."""

    def __init__(self, text):
        try:
            whole = json.loads(text, object_pairs_hook=_unique, parse_constant=_constant)
            self.events = whole["traceEvents"]
            self.lost = int(whole["otherData"]["lost events"])
            unit = whole.get("displayTimeUnit", "ms")
        except (ValueError, KeyError, TypeError) as error:
            raise TimelineError(f"it is no such file: {error}") from error
        if unit not in UNITS or not isinstance(self.events, list) or self.lost < 0:
            raise TimelineError("it is no such file: its unit, list of events or count of those that were lost is none")
        for event in self.events:
            if not isinstance(event, dict) or (wrong := _check_fields(event)):
                raise TimelineError(f"{event}: {wrong if isinstance(event, dict) else 'it is no event'}")
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
        processes, threads = self._names_of("process_name", lambda e: e["pid"]), self._names_of("thread_name", lambda e: (e["pid"], e["tid"]))
        for event in self.events:
            key = event["pid"], event["tid"]
            if event["ph"] == "M":
                continue
            if event["pid"] not in processes or key not in threads:
                raise TimelineError(f"process {key[0]}, thread {key[1]}: it has no name")
            self.tracks[key].process, self.tracks[key].name = processes[event["pid"]], threads[key]

    def _names_of(self, what, key):
        """All names of a kind, by what they are names of."""
        found = {}
        for event in self.events:
            if event["ph"] == "M" and event["name"] == what and found.setdefault(key(event), event["args"]["name"]) != event["args"]["name"]:
                raise TimelineError(f"{what} {key(event)}: it is both {found[key(event)]!r} and {event['args']['name']!r}")
        return found

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
        else:
            self._flow(event, kind, track, state)

    def _flow(self, event, kind, track, state):
        number = event["id"], event["cat"], event["name"]
        before = state.get(number)
        if (kind == "s") != (before is None) or before == "f":
            raise TimelineError(f"flow {number}: {kind!r} comes after {before!r}")
        if before and event["ts"] < self.flows[number][-1].moment:
            raise TimelineError(f"flow {number}: time goes back from {self.flows[number][-1].moment} to {event['ts']}")
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
