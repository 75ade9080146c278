#!/usr/bin/env python3
"""What chat_load reports, against a server that does what it is told: to deliver, to lose, to repeat, to be late."""

import asyncio
import contextlib
import json
import os
import pathlib
import socket
import subprocess
import threading
import unittest

CHAT_LOAD = pathlib.Path(os.environ.get("TCPTOOLS_BIN_DIR", "build/dev")).resolve() / "tests" / "bench" / "chat_load"
PATIENCE = 60
LANGUAGES = ["structured", "plain", "nats", "resp", "asio", "lines"]


class Session:
    """One connection: understands as much of each language as chat_load says."""

    def __init__(self, server, reader, writer):
        self.server, self.reader, self.writer = server, reader, writer
        self.number = None  # among the receivers

    def say(self, text):
        if not self.writer.is_closing():
            self.writer.write(text.encode())

    def subscribe(self):
        self.number = len(self.server.receivers)
        self.server.receivers.append(self)

    async def line(self):
        line = await self.reader.readuntil(b"\n")
        return line.decode().rstrip("\r\n")

    async def run(self):
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await getattr(self, self.server.language)()
        self.server.ended += 1
        self.writer.close()

    async def structured(self):
        greeting = json.loads(await self.line())
        assert greeting["tcpchat"] == 1
        self.say('{"type":"welcome","tcpchat":1,"nick":"127.0.0.1:1","ticket":"x"}\n')
        if "room" in greeting:
            self.say('{"type":"joined","room":"lobby","epoch":"0","next":1,"lost":0,"resumed":true,"members":1}\n')
            self.subscribe()
            if self.server.pings:
                self.say('{"type":"ping"}\n')
        while True:
            request = json.loads(await self.line())
            if request["type"] == "pong":
                self.server.pongs += 1
            else:
                self.say('{"type":"ack","id":1,"epoch":"0"}\n')
                await self.server.publish(request["text"])

    async def plain(self):
        while True:
            line = await self.line()
            if line == "/help":
                self.say("* /nick NAME  be called NAME\n* /quit  end\n")
                self.subscribe()
            else:
                await self.server.publish(line, self)

    async def nats(self):
        self.say('INFO {"server_id":"stand-in","max_payload":1048576}\r\n')
        while True:
            command, *arguments = (await self.line()).split(" ")
            if command == "SUB":
                self.subscribe()
            elif command == "PING":
                self.say("PONG\r\n" + "PING\r\n" * self.server.pings)
            elif command == "PONG":
                self.server.pongs += 1
            elif command == "PUB":
                assert arguments[0] == "lobby"
                text = await self.line()
                assert int(arguments[1]) == len(text)
                await self.server.publish(text)

    async def resp(self):
        while True:
            command = []
            for _ in range(int((await self.line())[1:])):
                length = int((await self.line())[1:])
                command.append((await self.reader.readexactly(length + 2))[:-2].decode())
            if command[0] == "SUBSCRIBE":
                self.say("*3\r\n$9\r\nsubscribe\r\n$5\r\nlobby\r\n:1\r\n")
                self.subscribe()
            elif command[0] == "PING":
                self.say("+PONG\r\n")
            elif command[0] == "PUBLISH":
                self.say(":1\r\n")
                await self.server.publish(command[2])

    async def asio(self):
        self.subscribe()
        while True:
            await self.server.publish((await self.reader.readexactly(int(await self.reader.readexactly(4)))).decode())

    async def lines(self):
        self.subscribe()
        while True:
            await self.server.publish(await self.line())


WRAP = {
    "structured": lambda text: '{"type":"message","room":"lobby","id":9,"time":1,"from":"a","text":"%s"}\n' % text,
    "plain": lambda text: f"[127.0.0.1:1] {text}\n",
    "nats": lambda text: f"MSG lobby 1 {len(text)}\r\n{text}\r\n",
    "resp": lambda text: f"*3\r\n$7\r\nmessage\r\n$5\r\nlobby\r\n${len(text)}\r\n{text}\r\n",
    "asio": lambda text: f"{len(text):4}{text}",
    "lines": lambda text: f"{text}\n",
}


def sequence(text):
    """A message's number: eight letters a..p behind the mark, the lowest first."""
    return sum((ord(letter) - ord("a")) << (4 * place) for place, letter in enumerate(text[8:16]))


class Server:
    """Relays messages. deliver(receiver, number, text) may be replaced: it returns the texts that the receiver gets, or
    None if its connection is to be closed."""

    def __init__(self, case, language):
        self.language = language
        self.deliver = lambda receiver, number, text: [text]
        self.delay = 0
        self.pings = False
        self.receivers, self.ended, self.pongs, self.published = [], 0, 0, 0
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.loop, self.done = asyncio.new_event_loop(), asyncio.Event()
        thread = threading.Thread(target=self.loop.run_until_complete, args=[self.serve()])
        thread.start()
        case.addCleanup(self.loop.close)
        case.addCleanup(thread.join)
        case.addCleanup(self.loop.call_soon_threadsafe, self.done.set)

    async def serve(self):
        async def accept(reader, writer):
            await Session(self, reader, writer).run()

        async with await asyncio.start_server(accept, sock=self.socket, backlog=1000):
            await self.done.wait()
        # The other side of all connections has ended by now.
        await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()}, return_exceptions=True)

    async def publish(self, text, sender=None):
        number = sequence(text)
        self.published += number != 0xFFFFFFFF
        if self.delay:
            await asyncio.sleep(self.delay)
        for receiver in self.receivers:
            if receiver is sender:
                continue
            texts = self.deliver(receiver.number, number, text)
            if texts is None:
                receiver.writer.close()
            else:
                for each in texts:
                    receiver.say(WRAP[self.language](each))


class ChatLoad(unittest.TestCase):
    def load(self, server, *arguments):
        done = subprocess.run(
            [CHAT_LOAD, "--speak", server.language, "--port", str(server.port), "--server-pid", str(os.getpid()), *arguments],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE,
        )  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def test_every_language_delivers_everything_in_order(self):
        for language in LANGUAGES:
            for size in ("33", "128", "500"):
                with self.subTest(language=language, size=size):
                    report = self.load(Server(self, language), "fanout", "--receivers", "5", "--messages", "300", "--size", size)
                    self.assertEqual(report["deliveries"], 1500)
                    for fault in ("lost", "duplicated", "reordered", "wrong_size", "disconnected"):
                        self.assertEqual(report[fault], 0, fault)
                    self.assertGreater(report["latency_us"]["p50"], 0)
                    self.assertGreater(report["server"]["resident"], 1_000_000)

    def test_faults_are_counted(self):
        held = []

        def deliver(receiver, number, text):
            if receiver == 0 and number in (10, 11, 50):
                return []
            if receiver == 1 and number in (0, 49):
                return [text] * 3
            if receiver == 2 and number == 20:
                return [text[:-1]]
            if receiver == 2 and number == 21:
                return [text[:-1] + "yz"]
            if receiver == 3 and number == 30:
                held.append(text)
                return []
            if receiver == 3 and number == 33:
                return [text, held.pop()]
            return [text]

        for language in LANGUAGES:
            with self.subTest(language=language):
                server = Server(self, language)
                server.deliver = deliver
                report = self.load(server, "fanout", "--receivers", "6", "--messages", "100")
                self.assertEqual(report["lost"], 5)
                self.assertEqual(report["receivers_with_losses"], 2)
                self.assertEqual(report["duplicated"], 4)
                self.assertEqual(report["wrong_size"], 2)
                self.assertEqual(report["reordered"], 1)
                self.assertEqual(report["deliveries"], 595)

    def test_a_lost_end_does_not_block(self):
        server = Server(self, "structured")
        server.deliver = lambda receiver, number, text: [text] if number < 90 else []
        report = self.load(server, "fanout", "--receivers", "2", "--messages", "100", "--patience", "300ms")
        self.assertEqual((report["deliveries"], report["lost"]), (180, 20))
        self.assertLess(report["seconds"], 0.3)

    def test_receivers_that_are_thrown_out_are_told_apart(self):
        server = Server(self, "structured")
        bye = 'x"}\n{"type":"bye","code":"too_slow","text":"'
        server.deliver = lambda receiver, number, text: None if (receiver, number) == (1, 51) else [
            bye if (receiver, number) == (1, 50) else text
        ]  # fmt: skip
        report = self.load(server, "fanout", "--receivers", "3", "--messages", "100")
        self.assertEqual((report["disconnected"], report["lost"], report["receivers_with_losses"]), (1, 50, 1))
        self.assertIn("too_slow", report["last_words"])

    def test_a_window_bounds_what_is_on_its_way(self):
        server = Server(self, "lines")
        server.deliver = lambda receiver, number, text: [] if receiver == 1 and number >= 40 and number < 1000 else [text]
        report = self.load(
            server, "fanout", "--receivers", "2", "--messages", "500", "--window", "25", "--patience", "300ms"
        )  # fmt: skip
        self.assertEqual((server.published, report["sent"]), (65, 65))

    def test_latency_counts_from_when_a_message_was_due(self):
        server = Server(self, "plain")
        server.delay = 0.02
        report = self.load(server, "fanout", "--receivers", "2", "--messages", "25", "--rate", "100")
        # One every 10 ms is due and one every 20 ms gets through: the last one is 10 ms * 24 + 20 ms late.
        self.assertGreater(report["latency_us"]["max"], 250_000)
        self.assertGreater(report["latency_us"]["p50"], 130_000)
        self.assertLess(report["latency_us"]["p50"], report["latency_us"]["p90"])

    def test_a_rate_is_kept(self):
        report = self.load(Server(self, "nats"), "fanout", "--receivers", "1", "--messages", "101", "--rate", "200")
        self.assertGreaterEqual(report["seconds"], 0.5)
        self.assertLess(report["latency_us"]["p50"], 100_000)

    def test_who_never_reads_does_not_count(self):
        server = Server(self, "resp")
        server.deliver = lambda receiver, number, text: None if receiver == 2 and number == 5 else [text]
        report = self.load(server, "fanout", "--receivers", "2", "--stalled", "3", "--messages", "100", "--threads", "2")
        self.assertEqual((report["deliveries"], report["lost"], report["disconnected"]), (200, 0, 0))
        self.assertEqual(report["stalled_ended"], 1)

    def test_idle_sessions_are_all_welcomed(self):
        for language in LANGUAGES:
            with self.subTest(language=language):
                server = Server(self, language)
                report = self.load(server, "idle", "--sessions", "300", "--hold", "50ms")
                self.assertEqual((report["sessions"], report["disconnected"]), (300, 0))
                self.assertGreaterEqual(len(server.receivers), 300)
                self.assertGreaterEqual(report["held_seconds"], 0.05)
                self.assertGreater(report["connections_per_second"], 0)

    def test_who_misses_the_probe_gets_another(self):
        missed = []
        server = Server(self, "lines")
        server.deliver = lambda receiver, number, text: missed.append(number) or [] if receiver == 3 and not missed else [text]
        report = self.load(server, "fanout", "--receivers", "5", "--messages", "10")
        self.assertEqual(missed, [0xFFFFFFFF])
        self.assertEqual((report["deliveries"], report["lost"], report["duplicated"]), (50, 0, 0))

    def test_pings_are_answered(self):
        for language in ("structured", "nats"):
            with self.subTest(language=language):
                server = Server(self, language)
                server.pings = True
                self.load(server, "idle", "--sessions", "20", "--hold", "500ms")
                self.assertEqual(server.pongs, 20)

    def test_a_server_that_is_not_there_is_an_error(self):
        done = subprocess.run(
            [CHAT_LOAD, "--speak", "nats", "--port", "1", "idle", "--sessions", "1"], capture_output=True, text=True, timeout=PATIENCE
        )
        self.assertEqual(done.returncode, 1)
        self.assertIn("connect: Connection refused", done.stderr)


if __name__ == "__main__":
    unittest.main()
