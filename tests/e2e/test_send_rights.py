# ctest: asan
"""What a key entitles a sender to, and what becomes of its sessions when it is gone."""

import socket
import stat

from harness import PATIENCE, main, noise, summary, until
from native import ERROR, PREFACE, REFUSED, RawSender, hello, inline
from security import SecurityCase, key_line

MIB = 1 << 20


class Keyed(SecurityCase):
    """A receiver with keys: self.keys has a file for each, as its owner has it."""

    def setUp(self):
        super().setUp()
        self.lines = {}
        self.keys = {}

    def key(self, name, *rights):
        """Makes a key, or gives one other rights."""
        if name not in self.keys:
            self.keys[name] = self.key_file(f"{name}.key", key_line(name))
        self.lines[name] = " ".join([self.keys[name].read_text().strip(), *rights])
        self.write_keys()

    def drop(self, name):
        del self.lines[name]
        self.write_keys()

    def write_keys(self):
        self.key_file("keys", *self.lines.values())

    def serve_keyed(self, *options, **rest):
        return self.serve("--key", self.dir / "keys", "--log-level", "debug", *options, **rest)

    def send_as(self, name, server, *arguments, **rest):
        return self.send(server, "--key", self.keys[name], *arguments, **rest)

    def visible(self):
        return {path: content for path, content in self.delivered().items() if content is not None}


class Directories(Keyed):
    def test_a_key_is_confined_and_does_not_see_where(self):
        self.key("web", "dir=logs/web")
        self.key("all")
        server = self.serve_keyed("--json")
        small = self.write("small", b"content")
        large = self.write("large", noise(200_000))
        done = self.send_as("web", server, "--json", small, large)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("logs", done.stdout + done.stderr)
        self.assertEqual(self.visible(), {"logs/web/small": b"content", "logs/web/large": noise(200_000)})
        files = until(lambda: [event for event in server.events() if event["type"] == "summary"]) and [
            event for event in server.events() if event["type"] == "file"]
        self.assertEqual({event["path"] for event in files}, {"logs/web/small", "logs/web/large"})
        self.assertEqual({event.get("key") for event in server.events() if event["type"] != "listening"}, {"web"})
        # What all may do is not changed by that, and its own name is one like any other inside.
        self.assertEqual(self.send_as("all", server, small).returncode, 0)
        self.assertEqual(self.send_as("web", server, "--name", "logs/web/small", small).returncode, 0)
        self.assertEqual(self.visible()["small"], b"content")
        self.assertEqual(self.visible()["logs/web/logs/web/small"], b"content")

    def test_paths_and_links_do_not_lead_out(self):
        self.key("web", "dir=web")
        (self.into / "web").mkdir()
        (self.into / "web/up").symlink_to("..")
        (self.into / "other").mkdir()
        server = self.serve_keyed()
        small = self.write("small", b"content")
        for name in "../other/f", "up/f", "up/other/f", ".tcpsend/f":
            with self.subTest(name=name):
                self.assertNotEqual(self.send_as("web", server, "--name", name, small).returncode, 0)
        self.assertEqual({path.name for path in self.into.iterdir()}, {".tcpsend", "web", "other"})
        self.assertEqual([path.name for path in (self.into / "web").iterdir()], ["up"])
        self.assertEqual([*(self.into / "other").iterdir(), *self.leftovers()], [])

    def test_a_program_is_told_the_whole_path_and_the_key(self):
        told = self.dir / "told"
        hook = self.write("hook", b'#!/bin/sh\nprintf "%s\\n" "$1" "$TCPSEND_NAME" "$TCPSEND_KEY" >"$TOLD"\n', mode=0o755)
        self.key("web", "dir=web")
        server = self.serve_keyed("--exec", hook, environment={"TOLD": str(told), "TCPSEND_KEY": "x"})
        self.assertEqual(self.send_as("web", server, self.write("f", b"x")).returncode, 0)
        lines = until(lambda: told.exists() and told.read_text().count("\n") == 3 and told.read_text()).splitlines()
        self.assertEqual(lines, [str(self.into / "web/f"), "web/f", "web"])

    def test_one_file_is_received_once_at_a_time_whichever_key_it_comes_with(self):
        self.key("web", "dir=web")
        self.key("all")
        server = self.serve_keyed()
        source = self.write("large", noise(2 * MIB))
        slow = self.start_sending(server, "--key", self.keys["web"], "--limit-rate", "500K", source)
        until(lambda: list(self.into.glob(".tcpsend/*.part")))
        done = self.send_as("all", server, "--into", "web", "--deadline", "1s", source)
        self.assertNotEqual(done.returncode, 0)
        slow.kill()
        slow.wait()
        # And what it had is gone on with.
        done = self.send_as("all", server, "--json", "--into", "web", "--retry-for", "10s", source)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertLess(summary(done)["bytes_sent"], 2 * MIB)
        self.assertEqual(self.visible(), {"web/large": noise(2 * MIB)})


class Sizes(Keyed):
    def test_a_session_may_deliver_so_much_and_no_more(self):
        self.key("little", "max-bytes=200000")
        server = self.serve_keyed()
        most = self.write("most", noise(200_000))
        over = self.write("over", noise(200_001))
        self.assertEqual(self.send_as("little", server, most).returncode, 0)
        self.assertEqual(self.send_as("little", server, over).returncode, 4)
        self.assertEqual(self.send_as("little", server, over, self.write("small", b"x")).returncode, 4)
        self.assertEqual(self.send_as("little", server, most, self.write("another", b"x")).returncode, 4)
        self.assertEqual(set(self.visible()), {"most", "small"})
        self.assertEqual(self.leftovers(), [])

    def test_a_stream_is_cut_off(self):
        self.key("little", "max-bytes=200000")
        server = self.serve_keyed()
        self.assertEqual(self.send_as("little", server, "--name", "s", "-", input=noise(200_000)).returncode, 0)
        self.assertEqual(self.send_as("little", server, "--name", "t", "-", input=noise(200_001)).returncode, 4)
        self.assertEqual(self.visible(), {"s": noise(200_000)})
        self.assertEqual(self.leftovers(), [])


class Replacing(Keyed):
    def test_what_is_there_stays(self):
        self.key("archive", "no-replace")
        self.key("all")
        server = self.serve_keyed()
        for size in 10, 200_000:
            with self.subTest(size=size):
                source = self.write(f"f{size}", noise(size), mode=0o640)
                self.assertEqual(self.send_as("archive", server, source).returncode, 0)
                source.chmod(0o777)
                done = self.send_as("archive", server, "--json", source)
                self.assertEqual((done.returncode, summary(done)["unchanged"]), (0, 1))
                self.assertEqual(stat.S_IMODE((self.into / source.name).stat().st_mode), 0o640)
                self.write(source.name, noise(size, 2))
                self.assertEqual(self.send_as("archive", server, source).returncode, 4)
                done = self.send_as("archive", server, "--name", source.name, "-", input=b"other")
                self.assertEqual(done.returncode, 4)
                self.assertEqual((self.into / source.name).read_bytes(), noise(size))
                self.assertEqual(self.send_as("all", server, source).returncode, 0)
                self.assertEqual((self.into / source.name).read_bytes(), noise(size, 2))
        self.assertEqual(self.leftovers(), [])


class Ends(Keyed):
    def test_the_session_of_a_key_that_is_removed_ends(self):
        self.key("leaver")
        self.key("stayer")
        server = self.serve_keyed()
        options = "--limit-rate", "300K"
        leaver = self.start_sending(server, "--key", self.keys["leaver"], *options, self.write("a", noise(3 * MIB)))
        stayer = self.start_sending(server, "--key", self.keys["stayer"], *options, self.write("b", noise(MIB)))
        until(lambda: len(list(self.into.glob(".tcpsend/*.part"))) == 2)
        self.drop("leaver")
        self.reload(server)
        done = self.finish(leaver)
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertIn("no longer valid", done.stderr)
        self.assertEqual(self.send_as("leaver", server, self.write("c", b"x")).returncode, 4)
        self.assertEqual(self.finish(stayer).returncode, 0)
        self.assertEqual(self.visible(), {"b": noise(MIB)})
        # It comes back, and goes on where it was.
        self.key("leaver")
        self.reload(server)
        self.assertEqual(self.send_as("leaver", server, self.write("c", b"x")).returncode, 0)
        done = self.send_as("leaver", server, "--json", self.dir / "a")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertLess(summary(done)["bytes_sent"], 3 * MIB)

    def test_a_receiver_that_dies_is_connected_to_again_with_the_key(self):
        self.key("k", "dir=sub")
        server = self.serve_keyed()
        source = self.write("large", noise(3 * MIB))
        sender = self.start_sending(server, "--key", self.keys["k"], "--json", "--limit-rate", "1M", source)
        until(lambda: sum(path.stat().st_size for path in self.into.glob(".tcpsend/*.part")) > MIB)
        server.kill()
        self.serve_keyed("--port", server.port)
        done = self.finish(sender)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.visible(), {"sub/large": noise(3 * MIB)})
        self.assertLess(summary(done)["bytes_sent"], 4 * MIB)


class InTheClear(Keyed):
    def compat(self, port, content=b"content"):
        """What a sender of the compatibility protocol is answered."""
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
            connection.sendall(b"name&%d" % len(content))
            answer = b""
            try:
                answer = connection.recv(16)
                if answer == b"ok":
                    connection.sendall(content)
                    connection.shutdown(socket.SHUT_WR)
                    while connection.recv(16):
                        pass
            except ConnectionError:
                pass
            return answer

    def test_nothing_is_taken_that_is_not_named(self):
        self.key("k")
        server = self.serve_keyed()
        self.assertNotEqual(self.compat(server.port), b"ok")
        sender = RawSender(server.port, PREFACE, hello(), inline(1, "f", b"x"))
        self.addCleanup(sender.close)
        self.assertNotIn(b"TSND", sender.take(100))
        self.assertNotEqual(self.send(server, self.write("f", b"x")).returncode, 0)
        self.assertEqual(self.visible(), {})

    def test_one_language_may_be_allowed(self):
        self.key("k")
        server = self.serve_keyed("--allow-plain", "compat")
        sender = RawSender(server.port, PREFACE, hello(), inline(1, "f", b"x"))
        self.addCleanup(sender.close)
        said = sender.next_of(ERROR)
        self.assertEqual(said.code, REFUSED)
        self.assertEqual(self.send(server, self.write("f", b"x")).returncode, 4)
        self.assertEqual(self.visible(), {})
        self.assertEqual(self.compat(server.port), b"ok")
        self.assertEqual(self.visible(), {"name": b"content"})

        other = self.serve_keyed("--allow-plain", "native", "--port", "0")
        self.assertEqual(self.compat(other.port), b"")
        self.assertEqual(self.send(other, self.write("f", b"x")).returncode, 0)

    def test_inside_of_tls_every_language_is_fine(self):
        self.key("k", "dir=sub", "max-bytes=10")
        server = self.serve_keyed()
        small, large = self.write("small", b"content"), self.write("large", noise(11))
        done = self.send_as("k", server, "--protocol", "compat", small)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotEqual(self.send_as("k", server, "--protocol", "compat", large).returncode, 0)
        self.assertEqual(self.visible(), {"sub/small": b"content"})


class Files(Keyed):
    def test_a_right_that_is_not_one_of_these_is_no_key_file(self):
        for right in "admin", "nick=a", "dir=", "dir=../x", "dir=/x", "max-bytes=lots", "no-replace=yes", "read-only":
            with self.subTest(right=right):
                self.key("k", right)
                done = self.run_tcpsend("serve", "--dir", self.into, "--port", "0", "--key", self.dir / "keys")
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertOneLine(done.stderr)


if __name__ == "__main__":
    main()
