from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from attrs import define, field

from atlas_core.engine.dialogue import Answers, converse
from atlas_core.engine.engine import Engine
from atlas_core.model.events import Cancel, Command, Event, OrderAccepted, TimerFired


@define
class Scripted:
    """Takes the place of an engine: a timer or an accepted order leads to the commands of its name."""

    script: Mapping[str, Sequence[str]]
    log: list[str] = field(factory=list)

    def process(self, event: Event) -> list[Command]:
        assert isinstance(event, (TimerFired, OrderAccepted))
        name = event.key if isinstance(event, TimerFired) else event.client_order_id
        self.log.append(f"event {name}")
        return [Cancel(command) for command in self.script.get(name, ())]


def play(script: Mapping[str, Sequence[str]], events: Sequence[str], broker: Mapping[str, Sequence[str]]) -> list[str]:
    """Return what happened in order, with a broker that answers each command with the events of its name."""
    engine = Scripted(script)
    dialogue = converse(cast("Engine", engine), [TimerFired(0, name) for name in events])
    answers: Answers | None = None
    while True:
        try:
            command = dialogue.send(answers) if answers is not None else next(dialogue)
        except StopIteration:
            return engine.log
        assert isinstance(command, Cancel)
        engine.log.append(f"command {command.client_order_id}")
        answers = [OrderAccepted(ts=0, client_order_id=name) for name in broker.get(command.client_order_id, ())]


def test_without_events_nothing_is_said() -> None:
    assert play({}, [], {}) == []


def test_an_event_without_commands_ends_the_dialogue() -> None:
    assert play({}, ["a"], {}) == ["event a"]


def test_the_commands_of_one_event_are_executed_before_an_answer_is_heard() -> None:
    assert play({"a": ["x", "y"]}, ["a"], {"x": ["x-done"], "y": ["y-done"]}) == [
        "event a", "command x", "command y", "event x-done", "event y-done",
    ]  # fmt: skip


def test_answers_are_heard_after_the_events_that_were_there_before_them() -> None:
    assert play({"a": ["x"], "b": ["y"]}, ["a", "b"], {"x": ["x-done"], "y": ["y-done"]}) == [
        "event a", "command x", "event b", "command y", "event x-done", "event y-done",
    ]  # fmt: skip


def test_answers_to_one_command_keep_their_order() -> None:
    assert play({"a": ["x"]}, ["a"], {"x": ["third", "first", "second"]}) == [
        "event a", "command x", "event third", "event first", "event second",
    ]  # fmt: skip


def test_the_dialogue_goes_on_until_an_answer_leads_to_nothing() -> None:
    chain = {"a": ["x"], "x-done": ["y"], "y-done": ["z"]}
    assert play(chain, ["a"], {"x": ["x-done"], "y": ["y-done"], "z": ["z-done"]}) == [
        "event a", "command x", "event x-done", "command y", "event y-done", "command z", "event z-done",
    ]  # fmt: skip
