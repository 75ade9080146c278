#include "dialect.hpp"

#include <stdexcept>
#include <string>
#include <string_view>

namespace tcptools::bench {
namespace {

// tcpchat, docs/chat-protocol.md. The sender is in no room, so that the receivers are all who get a message.
dialect structured() {
  dialect made;
  made.receiver = {R"({"tcpchat":1,"room":"lobby","presence":false})"
                   "\n",
                   R"("joined")"};
  made.sender = {R"({"tcpchat":1,"presence":false})"
                 "\n",
                 R"("welcome")"};
  made.before = R"({"type":"send","room":"lobby","text":")";
  made.after = "\"}\n";
  made.tail = "\"";
  made.ping = R"("ping")";
  made.pong = R"({"type":"pong"})"
              "\n";
  return made;
}

// tcpchat's other language. A command makes the session plain at once, and its answer shows that it is.
dialect plain() {
  dialect made;
  made.receiver = made.sender = {"/help\n", "* "};
  made.after = "\n";
  return made;
}

// https://docs.nats.io/reference/reference-protocols/nats-protocol
dialect nats(std::size_t size) {
  const std::string connect = R"(CONNECT {"verbose":false,"pedantic":false,"echo":false,"name":"chat_load"})"
                              "\r\n";
  dialect made;
  made.receiver = {connect + "SUB lobby 1\r\nPING\r\n", "PONG\r\n"};
  made.sender = {connect + "PING\r\n", "PONG\r\n"};
  made.before = "PUB lobby " + std::to_string(size) + "\r\n";
  made.after = "\r\n";
  made.frames = framing::counted;
  made.head = "MSG lobby 1 " + std::to_string(size) + "\r\n";
  made.tail = "\r\n";
  made.ping = "PING";
  made.pong = "PONG\r\n";
  return made;
}

// https://redis.io/docs/latest/develop/reference/protocol-spec/
dialect resp(std::size_t size) {
  const std::string bulk = "$" + std::to_string(size) + "\r\n";
  dialect made;
  made.receiver = {"*2\r\n$9\r\nSUBSCRIBE\r\n$5\r\nlobby\r\n", "$9\r\nsubscribe\r\n$5\r\nlobby\r\n:1\r\n"};
  made.sender = {"*1\r\n$4\r\nPING\r\n", "+PONG\r\n"};
  made.before = "*3\r\n$7\r\nPUBLISH\r\n$5\r\nlobby\r\n" + bulk;
  made.after = "\r\n";
  made.frames = framing::counted;
  made.head = "*3\r\n$7\r\nmessage\r\n$5\r\nlobby\r\n" + bulk;
  made.tail = "\r\n";
  return made;
}

// Relays of lines: Asio's example chat_server with coroutines, ncat --broker.
dialect lines() {
  dialect made;
  made.after = "\n";
  return made;
}

// Asio's example chat_server with callbacks (chat_message.hpp: a header of four digits, a body of at most 512 bytes).
dialect asio(std::size_t size) {
  if (size > 512) throw std::invalid_argument{"asio: messages have at most 512 bytes"};
  const std::string digits = std::to_string(size);
  dialect made;
  made.frames = framing::counted_records;
  made.before = made.head = std::string(4 - digits.size(), ' ') + digits;
  return made;
}

}  // namespace

dialect speak(std::string_view language, const payload& texts) {
  if (language == "structured") return structured();
  if (language == "plain") return plain();
  if (language == "nats") return nats(texts.size());
  if (language == "resp") return resp(texts.size());
  if (language != "lines" && language != "asio") throw std::invalid_argument{"no such language"};

  dialect made = language == "lines" ? lines() : asio(texts.size());
  made.receiver.welcome = texts.text({probe_sequence, 0});
  made.probe = made.before + made.receiver.welcome + made.after;
  return made;
}

}  // namespace tcptools::bench
