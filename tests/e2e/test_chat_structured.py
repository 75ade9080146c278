"""The structured language over real sockets, and what a client gets that comes back."""
# ctest: asan

import json
import pathlib
import re
import signal
import socket
import time

from chat import PlainPeer, StructuredPeer
from harness import Case, main, until

TREE = pathlib.Path(__file__).parents[2]
PROTOCOL = TREE / "docs" / "chat-protocol.md"
SOURCE = TREE / "src" / "chat" / "protocol.cpp"
REPLACED = "\ufffd"


class StructuredCase(Case):
    options = ()

    def setUp(self):
        super().setUp()
        self.peers = []
        self.server = self.serve_chat(*self.options)
        self.addCleanup(self.leave)

    def keep(self, peer):
        self.peers.append(peer)
        return peer

    def leave(self):
        while self.peers:
            self.peers.pop().close()

    def greet(self, nick=None, room="lobby", **greeting):
        return self.keep(StructuredPeer.greeted(self.server, nick, room, greeting))

    def raw(self, say=b""):
        return self.keep(StructuredPeer(self.server, say))

    def restart(self, *options, kill=False):
        self.leave()
        if kill:
            self.server.kill()
        else:
            self.assertEqual(self.server.stop(), 0)
        self.server = self.serve_chat(*self.options, *options)

    def assertFails(self, answer, code):
        self.assertEqual((answer["type"], answer.get("code")), ("error", code), answer)
        self.assertTrue(answer["text"], answer)


class Documented(StructuredCase):
    def test_three_lines_of_python(self):
        text = PROTOCOL.read_text()
        lines = re.findall(r"^    (s = socket.*|print\(.*)$", text, re.MULTILINE)
        self.assertEqual(len(lines), 3, "the page has changed")
        listener = self.greet()
        names = {"socket": socket}
        exec("\n".join(lines).replace("6677", str(self.server.port)), names)
        self.addCleanup(names["s"].close)
        self.addCleanup(names["f"].close)
        said = listener.next_of("message")
        self.assertEqual((said["text"], said["room"], said["id"]), ("hello", "lobby", 1))

    def test_every_code_of_the_page_is_a_word(self):
        table = PROTOCOL.read_text().split("| `code` | meaning")[1].split("\n\n")[0]
        words = re.search(r" code_words\{(.*?)\}", SOURCE.read_text(), re.DOTALL)[1]
        self.assertEqual(re.findall(r"^\| `([a-z_]+)` \|", table, re.MULTILINE), re.findall(r'"([a-z_]+)"', words))


class Greetings(StructuredCase):
    def test_welcome_and_joined(self):
        peer = self.raw('{"tcpchat":1,"nick":"Ann","room":"#Tea"}\n')
        welcome = peer.next()
        self.assertEqual({**welcome, "ticket": None}, {"type": "welcome", "tcpchat": 1, "nick": "Ann", "ticket": None})
        self.assertTrue(welcome["ticket"])
        joined = peer.next()
        self.assertRegex(joined["epoch"], r"^[0-9a-f]{16}$")
        self.assertEqual({**joined, "epoch": None}, {"type": "joined", "room": "tea", "epoch": None, "next": 1,
                                                     "lost": 0, "resumed": True, "members": 1})

    def test_a_guest_in_no_room(self):
        peer = self.raw('{"tcpchat":1}\n')
        self.assertEqual(peer.next()["nick"], peer.peer)
        self.assertFails(peer.send("hi"), "no_room")
        self.assertFails(peer.ask("leave"), "no_room")
        self.assertEqual(peer.send("hi", room="tea")["id"], 1)
        self.assertEqual(peer.ask("join", room="tea")["next"], 2)

    def test_members_that_are_not_known_are_ignored(self):
        peer = self.raw('{"future":{"a":1},"tcpchat":2,"room":"lobby","x":null,"y":-1.5e3,"z":"\\u00e9"}\r\n')
        self.assertEqual(peer.next()["tcpchat"], 1)
        self.assertEqual(peer.next()["room"], "lobby")
        peer.say('{"type":"send","text":"a","unknown":true}\r\n\r\n{"type":"send","text":"b"}\n')
        self.assertEqual(peer.texts(2), ["a", "b"])

    def test_greetings_that_are_refused(self):
        self.greet("Ann")
        for greeting, code in [
            ({"tcpchat": 0}, "version"), ({"tcpchat": "1"}, "bad_request"), ({"tcpchat": -1}, "bad_request"),
            ({"tcpchat": None}, "bad_request"), ({"tcpchat": 1, "nick": "aNN"}, "nick_in_use"),
            ({"tcpchat": 1, "nick": "operator"}, "bad_name"), ({"tcpchat": 1, "nick": "Guest1"}, "bad_name"),
            ({"tcpchat": 1, "nick": ""}, "bad_name"), ({"tcpchat": 1, "nick": "x" * 33}, "bad_name"),
            ({"tcpchat": 1, "nick": "a b"}, "bad_name"), ({"tcpchat": 1, "nick": 7}, "bad_request"),
            ({"tcpchat": 1, "room": "a/b"}, "bad_name"), ({"tcpchat": 1, "room": "#"}, "bad_name"),
            ({"tcpchat": 1, "room": "x" * 33}, "bad_name"), ({"tcpchat": 1, "presence": 1}, "bad_request"),
            ({"tcpchat": 1, "room": "lobby", "since": 1}, "bad_request"),
            ({"tcpchat": 1, "room": "lobby", "since": {}}, "bad_request"),
            ({"tcpchat": 1, "room": "lobby", "since": {"id": 1, "ago": 1}}, "bad_request"),
            ({"tcpchat": 1, "room": "lobby", "since": {"id": -1}}, "bad_request"),
        ]:
            with self.subTest(greeting=greeting):
                peer = self.raw(json.dumps(greeting) + "\n")
                last = peer.everything()[-1]
                self.assertEqual((last["type"], last.get("code")), ("bye", code), last)
                self.assertTrue(last["text"], last)
                peer.close()

    def test_a_second_greeting_is_no_request(self):
        peer = self.greet()
        peer.say('{"tcpchat":1}\n')
        self.assertFails(peer.next(), "bad_request")
        self.assertEqual(peer.ask("ping")["type"], "pong")

    def test_a_greeting_in_pieces(self):
        peer = self.raw()
        for octet in b' \t{"tcpchat" : 1 , "room":"lobby"}\n':
            peer.say(bytes([octet]))
        self.assertEqual([peer.next()["type"], peer.next()["type"]], ["welcome", "joined"])

    def test_a_greeting_without_line_end_before_the_end_is_one(self):
        peer = self.raw('{"tcpchat":1,"room":"lobby"}')
        peer.end()
        self.assertEqual([one["type"] for one in peer.everything()], ["welcome", "joined", "bye"])

    def test_requests_that_follow_the_greeting_at_once_are_answered_in_order(self):
        peer = self.raw('{"tcpchat":1,"nick":"ann"}\n{"type":"ping","tag":"1"}\n'
                        '{"type":"join","room":"tea","tag":"2"}\n{"type":"leave","tag":"3"}\n'
                        '{"type":"who","tag":"4"}\n{"type":"quit"}\n{"type":"ping"}\n')
        self.assertEqual([(one["type"], one.get("tag")) for one in peer.everything()],
                         [("welcome", None), ("pong", "1"), ("joined", "2"), ("left", "3"), ("member", "4"),
                          ("end", "4"), ("bye", None)])

    def test_the_greeting_text_of_the_server(self):
        self.server = self.serve_chat("--motd", "hello all")
        peer = self.raw('{"tcpchat":1}\n')
        self.assertEqual([peer.next()["type"], peer.next()], ["welcome", {"type": "notice", "text": "hello all"}])


class Messages(StructuredCase):
    def test_a_message_reaches_all_in_its_room_the_sender_too(self):
        a, b, elsewhere = self.greet("ann"), self.greet("bob"), self.greet("cid", room="tea")
        ack = a.send("héllo")
        self.assertEqual((ack["id"], ack["epoch"], "repeat" in ack), (1, a.joined["epoch"], False))
        for peer in self.greet(since={"id": 0}), b:
            said = peer.next_of("message")
            self.assertLess(abs(said.pop("time") / 1000 - time.time()), 60)
            self.assertEqual(said, {"type": "message", "room": "lobby", "id": 1, "from": "ann", "text": "héllo"})
        a.send("to tea", room="tea")
        self.assertEqual(elsewhere.texts(1), ["to tea"])
        self.assertEqual(b.ask("ping")["type"], "pong")
        self.assertEqual(b.unread, b"")

    def test_ids_have_no_gaps_and_all_see_the_same_order(self):
        talking = [self.greet() for _ in range(4)]
        for number in range(40):
            for peer in talking:
                peer.tell(type="send", text=f"{peer.peer} {number}")
        seen = [[(one["id"], one["text"]) for one in peer.messages(160)] for peer in talking]
        self.assertEqual([id for id, _ in seen[0]], list(range(1, 161)))
        for other in seen[1:]:
            self.assertEqual(other, seen[0])
        for peer in talking:
            mine = [text for _, text in seen[0] if text.startswith(peer.peer + " ")]
            self.assertEqual(mine, [f"{peer.peer} {number}" for number in range(40)])

    def test_texts_are_made_safe(self):
        a, b = self.greet("ann"), self.greet("bob")
        for text, safe in [
            ("tab\there", "tab\there"), ("two\nlines\r\n", f"two{REPLACED}lines{REPLACED}{REPLACED}"),
            ("\x1b[31mred\x07\x00\x7f", f"{REPLACED}[31mred{3 * REPLACED}"), ("\u0085\u009b", 2 * REPLACED),
            ("\u202eevil\u2066", f"{REPLACED}evil{REPLACED}"), ("a\u200bb\ufeffc", f"a{REPLACED}b{REPLACED}c"),
            ("👨\u200d👩\u200d👧 ❤\ufe0f", "👨\u200d👩\u200d👧 ❤\ufe0f"), (' "quoted\\" ', ' "quoted\\"'),
            ("\U0010ffff", "\U0010ffff"),
        ]:
            with self.subTest(text=text):
                self.assertEqual(a.send(text)["type"], "ack")
                self.assertEqual(b.texts(1), [safe])

    def test_bytes_that_are_not_utf8_are_an_error_and_the_session_goes_on(self):
        a, b = self.greet("ann"), self.greet("bob")
        for text in b"a\xff", b"\xc3", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf4\x90\x80\x80":
            a.say(b'{"type":"send","text":"' + text + b'"}\n')
            self.assertFails(a.next(), "bad_request")
        self.assertEqual(a.send("fine")["id"], 1)
        self.assertEqual(b.texts(1), ["fine"])

    def test_texts_that_are_refused(self):
        a, b = self.greet("ann"), self.greet("bob")
        for members, code in [
            ({"text": "x" * 16385}, "too_long"), ({"text": "é" * 8193}, "too_long"), ({"text": ""}, "bad_request"),
            ({}, "bad_request"), ({"text": 5}, "bad_request"), ({"text": None}, "bad_request"),
            ({"text": "x", "room": "a b"}, "bad_name"), ({"text": "x", "key": ""}, "bad_name"),
            ({"text": "x", "key": "k" * 65}, "bad_name"), ({"text": "x", "room": "lobby", "to": "bob"}, "bad_request"),
            ({"text": "x", "to": "nobody"}, "no_such_nick"), ({"text": "x", "to": "y" * 65}, "bad_name"),
        ]:
            with self.subTest(members=members):
                self.assertFails(a.ask("send", **members), code)
        self.assertEqual(a.send("x" * 16384)["id"], 1)
        self.assertEqual(b.texts(1), ["x" * 16384])

    def test_a_tag_is_repeated_and_a_long_one_refused(self):
        peer = self.greet()
        tag = '"\\é' + "x" * 59
        peer.tell(type="ping", tag=tag)
        self.assertEqual(peer.next(), {"type": "pong", "tag": tag})
        peer.tell(type="ping", tag="x" * 65)
        self.assertFails(peer.next(), "bad_request")

    def test_to_one_alone(self):
        a, b, c = self.greet("ann"), self.greet("bob", room=None), self.greet("cid")
        ack = a.send("a secret", to="BOB")
        self.assertEqual({**ack, "tag": None}, {"type": "ack", "tag": None})
        direct = b.next()
        direct.pop("time")
        self.assertEqual(direct, {"type": "direct", "from": "ann", "to": "bob", "text": "a secret"})
        guest = self.greet(room=None)
        self.assertEqual(a.send("by address", to=guest.peer)["type"], "ack")
        self.assertEqual(guest.next()["text"], "by address")
        self.assertEqual(c.ask("ping")["type"], "pong")
        self.assertEqual(c.unread, b"")
        plain = self.keep(PlainPeer.settled(self.server, "dan"))
        a.send("hello plain", to="dan")
        while not (line := plain.line()).startswith("["):
            pass
        self.assertEqual(line, "[ann -> you] hello plain")

    def test_a_key_makes_a_repetition_harmless(self):
        a, b = self.greet("ann"), self.greet("bob")
        first = a.send("once", key="ann-1")
        again = b.send("once", key="ann-1")
        other = b.send("another", key="ann-2")
        self.assertEqual((again["id"], again["epoch"], again["repeat"]), (first["id"], first["epoch"], True))
        self.assertEqual((other["id"], "repeat" in other), (2, False))
        self.assertEqual(a.send("another room", key="ann-1", room="tea")["id"], 1)
        self.assertEqual(b.texts(2), ["once", "another"])


class Requests(StructuredCase):
    def test_join_leave_and_join_again(self):
        a, b = self.greet("ann"), self.greet("bob")
        joined = a.ask("join", room="#TEA")
        self.assertEqual((joined["room"], joined["members"], joined["next"]), ("tea", 1, 1))
        b.send("while ann was away")
        self.assertEqual(a.ask("leave")["room"], "tea")
        joined = a.ask("join", room="lobby")
        self.assertEqual((joined["next"], joined["members"]), (2, 2))
        b.send("new")
        self.assertEqual(a.texts(1), ["new"])
        for room in "", "a b", "#", "x" * 33, "é":
            self.assertFails(a.ask("join", room=room), "bad_name")
        b.send("still there")
        self.assertEqual(a.texts(1), ["still there"])

    def test_nick(self):
        a, b = self.greet("ann"), self.greet()
        self.assertFails(b.ask("nick", nick="ANN"), "nick_in_use")
        self.assertFails(b.ask("nick", nick="root"), "bad_name")
        self.assertEqual(b.ask("nick", nick="Bob")["nick"], "Bob")
        self.assertEqual(b.ask("nick", nick="BOB")["nick"], "BOB")
        self.assertEqual(a.ask("nick", nick="Ann")["nick"], "Ann")
        b.send("hi")
        self.assertEqual(a.next_of("message")["from"], "BOB")

    def test_who(self):
        a, b, c = self.greet("ann"), self.greet("bob", room="tea"), self.greet("cid", room=None)
        plain = self.keep(PlainPeer.settled(self.server))
        members, end = a.gather("who")
        self.assertEqual({(one["nick"], one.get("room")) for one in members},
                         {("ann", "lobby"), ("bob", "tea"), ("cid", None), (plain.peer, "lobby")})
        self.assertEqual((end["count"], end["tag"]), (4, "gathered"))
        self.assertTrue(all(one["idle"] < 60 for one in members))
        members, end = c.gather("who", room="TEA")
        self.assertEqual(([one["nick"] for one in members], end["count"]), (["bob"], 1))
        self.assertEqual(b.gather("who", room="empty"), ([], {"type": "end", "count": 0, "tag": "gathered"}))

    def test_ping_and_quit(self):
        peer = self.greet()
        self.assertEqual(peer.ask("ping")["type"], "pong")
        peer.tell(type="pong")
        peer.tell(type="quit")
        self.assertEqual([(one["type"], one["code"]) for one in peer.everything()], [("bye", "quit")])

    def test_presence(self):
        a = self.greet("ann", presence=True)
        quiet = self.greet("quiet")
        b = self.greet("bob", presence=True)
        self.greet(presence=True)
        told = a.next_of("presence")
        names = dict(told["joined"])
        while "bob" not in names:
            told = a.next_of("presence")
            names.update(told["joined"])
        self.assertTrue(set(names) <= {"ann", "bob"}, names)
        b.ask("nick", nick="rob")
        told = a.next_of("presence")
        self.assertEqual((told["joined"], told["left"]), ({"rob": 1}, {"bob": 1}))
        b.close()
        told = a.next_of("presence")
        self.assertEqual((told["room"], told["left"], told["members"]), ("lobby", {"rob": 1}, 3))
        self.assertEqual(quiet.ask("ping")["type"], "pong")
        self.assertEqual(quiet.unread, b"")

    def test_a_half_closed_session_gets_its_answers(self):
        peer = self.greet()
        peer.say('{"type":"send","text":"x","tag":"1"}\n{"type":"who","tag":"2"}')
        peer.end()
        types = [one["type"] for one in peer.everything()]
        self.assertEqual(sorted(types), ["ack", "bye", "end", "member", "message"])
        self.assertEqual(types[-1], "bye")


class History(StructuredCase):
    def setUp(self):
        super().setUp()
        self.writer = self.greet("ann")
        self.acks = [self.writer.send(f"text {number}") for number in range(1, 11)]
        self.epoch = self.writer.joined["epoch"]

    def test_history(self):
        for members, texts in [
            ({}, range(1, 11)), ({"limit": 3}, range(8, 11)), ({"since": {"id": 7}}, range(8, 11)),
            ({"since": {"id": 0, "epoch": self.epoch}, "limit": 1}, range(10, 11)), ({"limit": 0}, []),
            ({"since": {"id": 10}}, []), ({"since": {"ago": 3600}}, range(1, 11)), ({"since": {"id": 99}}, []),
        ]:
            with self.subTest(members=members):
                messages, end = self.writer.gather("history", room="lobby", **members)
                self.assertEqual([one["text"] for one in messages], [f"text {number}" for number in texts])
                self.assertEqual([one["id"] for one in messages], list(texts))
                self.assertEqual((end["count"], end["room"], end["epoch"], end["next"], end["lost"]),
                                 (len(texts), "lobby", self.epoch, 11, 0))

    def test_history_of_a_room_that_is_not_there_and_one_from_outside(self):
        outside = self.greet(room=None)
        messages, end = outside.gather("history", room="nowhere")
        self.assertEqual((messages, end["count"], end["next"]), ([], 0, 1))
        self.assertEqual(len(outside.gather("history", room="#LOBBY")[0]), 10)
        self.assertFails(outside.gather("history", room="a b")[1], "bad_name")
        self.assertFails(outside.gather("history")[1], "bad_request")

    def test_a_client_that_comes_back_gets_what_it_missed(self):
        peer = self.greet(since={"id": 6, "epoch": self.epoch})
        self.assertEqual((peer.joined["next"], peer.joined["lost"], peer.joined["resumed"]), (11, 0, True))
        self.assertEqual(peer.texts(4), [f"text {number}" for number in range(7, 11)])
        self.writer.send("new")
        self.assertEqual([one["id"] for one in peer.messages(1)], [11])

    def test_another_epoch_is_told_plainly(self):
        peer = self.greet(since={"id": 6, "epoch": "0123456789abcdef"})
        self.assertEqual((peer.joined["resumed"], peer.joined["lost"], peer.joined["next"]), (False, 0, 11))
        self.assertEqual(len(peer.texts(10)), 10)

    def test_what_is_lost_is_told(self):
        self.server = self.serve_chat("--history-messages", "3")
        writer = self.greet("ann")
        for number in range(1, 11):
            writer.send(f"text {number}")
        peer = self.greet(since={"id": 2, "epoch": writer.joined["epoch"]})
        self.assertEqual((peer.joined["lost"], peer.joined["resumed"], peer.joined["next"]), (5, True, 11))
        self.assertEqual(peer.texts(3), ["text 8", "text 9", "text 10"])
        messages, end = peer.gather("history", room="lobby", since={"id": 2})
        self.assertEqual((len(messages), end["lost"]), (3, 5))

    def test_joining_anew_with_since_replays(self):
        self.writer.texts(10)
        joined = self.writer.ask("join", room="lobby", since={"id": 8})
        self.assertEqual(joined["members"], 1)
        self.assertEqual(self.writer.texts(2), ["text 9", "text 10"])
        joined = self.writer.ask("join", room="lobby", since={"ago": 3600})
        self.assertEqual(self.writer.texts(10)[0], "text 1")

    def test_without_history_on_disk_a_restart_is_told_plainly(self):
        self.restart()
        peer = self.greet(since={"id": 6, "epoch": self.epoch})
        self.assertEqual((peer.joined["resumed"], peer.joined["next"], peer.joined["lost"]), (False, 1, 0))
        self.assertNotEqual(peer.joined["epoch"], self.epoch)


class HistoryOnDisk(StructuredCase):
    def setUp(self):
        self.options = ("--history", "chat.db")
        super().setUp()

    def test_ids_epochs_and_keys_survive_a_restart(self):
        for kill in False, True:
            with self.subTest(kill=kill):
                writer = self.greet("ann")
                before = writer.joined["next"]
                first = writer.send("first", key=f"key-{kill}")
                writer.send("tea", room="tea")
                self.restart(kill=kill)
                peer = self.greet("ann", since={"id": first["id"] - 1, "epoch": first["epoch"]})
                self.assertEqual((peer.joined["epoch"], peer.joined["next"], peer.joined["resumed"]),
                                 (first["epoch"], before + 1, True))
                said = peer.next_of("message")
                self.assertEqual((said["id"], said["from"], said["text"]), (first["id"], "ann", "first"))
                again = peer.send("first", key=f"key-{kill}")
                self.assertEqual((again["id"], again["epoch"]), (first["id"], first["epoch"]))
                self.assertTrue(again["repeat"])
                self.assertEqual(peer.send("second")["id"], first["id"] + 1)
                self.assertEqual(peer.gather("history", room="tea")[0][-1]["text"], "tea")
                peer.close()
        self.assertEqual(self.server.stop(), 0)
        self.assertEqual([path.name for path in self.dir.glob("chat.db*")], ["chat.db"])

    def test_what_plain_clients_say_is_kept_too(self):
        with PlainPeer.settled(self.server) as plain:
            name = plain.peer
            plain.say("from netcat\n")
            until(lambda: self.greet().joined["next"] == 2)
        self.restart()
        said = self.greet(since={"id": 0}).next_of("message")
        self.assertEqual((said["from"], said["text"]), (name, "from netcat"))


class Tickets(StructuredCase):
    def test_a_ticket_takes_over_the_nickname_of_a_session_that_is_still_there(self):
        old = self.greet("ann")
        ticket = old.welcome["ticket"]
        new = self.greet("Ann", ticket=ticket)
        self.assertEqual(new.welcome["nick"], "Ann")
        self.assertNotEqual(new.welcome["ticket"], ticket)
        last = old.everything()[-1]
        self.assertEqual((last["type"], last["code"]), ("bye", "replaced"))
        self.assertEqual(new.gather("who")[1]["count"], 1)

    def test_a_ticket_of_somebody_else_and_one_that_is_none_are_worth_nothing(self):
        ann, bob = self.greet("ann"), self.greet("bob")
        for ticket in bob.welcome["ticket"], "0" * 32, "", "x", ann.welcome["ticket"][:-1], "f" * 32:
            with self.subTest(ticket=ticket):
                peer = self.raw(json.dumps({"tcpchat": 1, "nick": "ann", "ticket": ticket}) + "\n")
                self.assertEqual(peer.everything()[-1]["code"], "nick_in_use")
        self.assertEqual(ann.ask("ping")["type"], "pong")

    def test_a_ticket_of_a_session_that_has_gone_does_no_harm(self):
        old = self.greet("ann")
        ticket = old.welcome["ticket"]
        old.ask("quit")
        self.assertEqual(self.greet("ann", ticket=ticket).welcome["nick"], "ann")


class Shutdown(StructuredCase):
    def test_everybody_is_told(self):
        peers = [self.greet(), self.raw('{"tcpchat":1}\n')]
        peers[1].next_of("welcome")
        self.server.signal(signal.SIGTERM)
        for peer in peers:
            last = peer.everything()[-1]
            self.assertEqual((last["type"], last["code"]), ("bye", "shutting_down"))
        self.leave()
        self.assertEqual(self.server.wait(), 0)


if __name__ == "__main__":
    main()
