"""Streams are renewed before their deadline, with nothing lost between one and the next."""

from __future__ import annotations

import asyncio
import contextlib

import grpc.aio
import pytest

from pleg_tui.collector.streams import StreamEnded, StreamSpec, follow
from pleg_tui.cri import decode, methods
from pleg_tui.sim.options import Options
from pleg_tui.sim.server import Simulator


async def test_a_stream_that_is_renewed_loses_nothing() -> None:
    async with Simulator(Options(pods=5, churn=3, manual=True)) as simulator:
        channel = grpc.aio.insecure_channel(
            simulator.endpoint, options=[("grpc.default_authority", "localhost")]
        )
        renewed: list[bytes] = []
        steady: list[bytes] = []
        readers = [
            asyncio.create_task(
                follow(channel, StreamSpec(methods.GET_CONTAINER_EVENTS, b"", deadline), sink)
            )
            for deadline, sink in ((1.0, renewed.append), (60.0, steady.append))
        ]
        await asyncio.sleep(0.1)
        most = 0
        for _ in range(60):
            await simulator.step(3)
            await asyncio.sleep(0.05)
            most = max(most, simulator.subscribers)
        await asyncio.sleep(0.2)
        for reader in readers:
            reader.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reader
        await channel.close(None)

    def told(messages: list[bytes]) -> set[tuple[str, int, int]]:
        events = map(decode.cri_event, messages)
        return {(event.id, event.kind, event.created_at) for event in events}

    assert most >= 3, "the old stream and its successor overlap"
    assert told(renewed) == told(steady)
    assert len(renewed) >= len(steady) > 50


@pytest.mark.parametrize(
    ("flavour", "code"), [("crio-events-off", "OK"), ("cri-dockerd", "UNIMPLEMENTED")]
)
async def test_how_a_stream_ended_is_said(flavour: str, code: str) -> None:
    async with Simulator(Options(flavour=flavour, churn=0, manual=True)) as simulator:
        channel = grpc.aio.insecure_channel(simulator.endpoint)
        spec = StreamSpec(methods.GET_CONTAINER_EVENTS, b"", 60)
        with pytest.raises(StreamEnded) as ended:
            await follow(channel, spec, lambda _: None)
        assert (ended.value.code, ended.value.events) == (code, 0)
        await channel.close(None)
