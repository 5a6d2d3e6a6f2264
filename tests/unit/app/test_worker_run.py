"""The figures of several processes, taken at one moment."""

from __future__ import annotations

from guestd.app.load_runs import worker_lines as w
from guestd.app.load_runs.options import RunOptions
from guestd.app.load_runs.worker_run import WorkerRun, _WorkerProcess
from guestd.load.measure.partial import Partial
from guestd.load.scenario.file import LoadModel, Scenario, ScenarioFile
from guestd.load.scenario.steps import Place


class Heard:
    def __init__(self):
        self.seconds = []
        self.run = None

    def measured(self, partial):
        pass

    def second(self, at_s):
        self.seconds.append((at_s, dict(self.run.states)))


def told(run, worker, at_s, live):
    run._take(worker, w.SecondLine(at_s, Partial(), {"live": live}, []))


def test_a_second_is_heard_when_all_that_run_have_told_of_it():
    scenario = Scenario("nothing", (), Place("a.yml", 1))
    file = ScenarioFile(path="a.yml", sha256="", scenarios=(scenario,))
    options = RunOptions(file="a.yml", model=LoadModel(), seed=1, run_id="r", workers=2)
    heard = Heard()
    heard.run = run = WorkerRun(None, file, options, {}, heard, print)
    one, other = run._workers = [_WorkerProcess(0, None), _WorkerProcess(1, None)]
    told(run, one, 1.01, 3)
    assert heard.seconds == []
    told(run, other, 1.03, 4)
    assert heard.seconds == [(1.01, {"live": 7})]
    told(run, one, 2.01, 5)
    run._take(other, w.DoneLine())
    told(run, one, 3.02, 5)
    assert heard.seconds[1:] == [(3.02, {"live": 5})]
