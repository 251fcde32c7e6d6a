# SPDX-License-Identifier: BSD-2-Clause
"""The supervisor (bootstrap/): systems described in apps/tests/svc*.conf, with servers that fail. Time is counted in instructions
where pauses are looked at."""

from programs import STATUS, VIRT
from scenario import CI, EVERYDAY, Scenario, all_ended, ended

CRASHES = (r"^wharf: \S+ crashed: ", r"FAILED")


def system(cpus, shift, label=EVERYDAY, seconds=20, build="debug"):
    """The whole test; svc-test counts its own failures, and ends with their number's being 0 or not."""
    extra = ["-machine", "dtb-randomness=off", "-icount", f"shift={shift},sleep=off", "-seed", str(shift)]
    return Scenario(f"supervisor-{build}-{cpus}cpu", {**VIRT, "cpus": cpus, "extra": extra}, append=f"arg=system=svc.conf seed={shift}", build=build,
                    label=label, seconds=seconds, allow=CRASHES,
                    anywhere=(r"^svc-a: serving$", r"^supervisor: svc-a has hung: it does not answer$",
                              r"^supervisor: svc-a has hung: it is past the moment"),
                    expect=(r"^supervisor: svc-crasher has failed 6 times in a row and is given up: FAILED$",
                            r"^svc-test: all checks passed$", r"^supervisor: svc-test ended with status 0$",
                            ended("bootstrap"), all_ended()))


def ends():
    """The supervisor's own end, and that of a program it cannot do without."""
    began = r"^supervisor: \S+\.conf: 1 programs$"
    return [
        Scenario("supervisor-death", {**VIRT, "cpus": 2}, append="arg=system=svc-death.conf", build="debug", allow=CRASHES,
                 expect=(began, r"^svc-death: the supervisor ends$",
                         r"^wharf: essential task bootstrap ended, status 9: restarting the machine$",
                         r"log: previous run: .*essential task bootstrap ended", began)),
        Scenario("supervisor-essential", VIRT, append="arg=system=svc-essential.conf", build="debug", allow=CRASHES,
                 expect=(began, r"^supervisor: svc-essential has failed 3 times in a row",
                         r"^supervisor: svc-essential is essential: the machine restarts$", began)),
        Scenario("supervisor-wrong", VIRT, append="arg=system=svc-wrong.conf", build="debug",
                 allow=STATUS,
                 expect=(r"^supervisor: nothing can be started: svc-wrong\.conf, line 4: sometimes: it is always, failure or "
                         r"never$", ended("bootstrap", 1), all_ended(1))),
        Scenario("supervisor-system", VIRT, build="debug",
                 expect=(r"^supervisor: system\.conf: 1 programs$", r"^self-check: all checks passed$",
                         r"^supervisor: self-check ended with status 0$", ended("bootstrap"), all_ended())),
    ]


def all_scenarios():
    return [system(1, 4), system(4, 5), system(4, 3, label=CI, build="release"), *ends()]
