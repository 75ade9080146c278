#include <array>
#include <charconv>
#include <concepts>

#include "tcptools/chat/protocol.hpp"

namespace tcptools::chat {
namespace {

// RFC 8259, 7: what must be escaped, and nothing else.
constexpr std::array<bool, 256> must_escape = [] {
  std::array<bool, 256> table{};
  for (std::size_t control = 0; control < 0x20; ++control) table[control] = true;
  table['"'] = true;
  table['\\'] = true;
  return table;
}();

void append_escaped(std::string& out, char c) {
  constexpr std::string_view digits = "0123456789abcdef";
  const auto octet = static_cast<unsigned char>(c);
  switch (c) {
    case '"':
    case '\\':
      out += {'\\', c};
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      out += "\\u00";
      out += {digits[octet >> 4U], digits[octet & 0x0FU]};
  }
}

void append_string(std::string& out, std::string_view text) {
  out += '"';
  std::size_t copied = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (!must_escape[static_cast<unsigned char>(text[at])]) continue;
    out.append(text.substr(copied, at - copied));
    append_escaped(out, text[at]);
    copied = at + 1;
  }
  out.append(text.substr(copied));
  out += '"';
}

template <std::integral Number>
void append_number(std::string& out, Number value) {
  std::array<char, 20> digits{};
  const auto [end, failed] = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  out.append(digits.data(), end);
}

// One object, closed by its destructor. Names need no escapes.
class object_writer {
 public:
  explicit object_writer(std::string& out) : out_{out} { out_ += '{'; }
  object_writer(const object_writer&) = delete;
  object_writer& operator=(const object_writer&) = delete;
  ~object_writer() { out_ += '}'; }

  object_writer& text(std::string_view name, std::string_view value) {
    append_string(begin(name), value);
    return *this;
  }
  object_writer& text_if_any(std::string_view name, std::string_view value) {
    return value.empty() ? *this : text(name, value);
  }
  template <std::integral Number>
  object_writer& number(std::string_view name, Number value) {
    append_number(begin(name), value);
    return *this;
  }
  object_writer& yes_no(std::string_view name, bool value) {
    begin(name) += value ? "true" : "false";
    return *this;
  }
  // Where the value is to be appended.
  std::string& begin(std::string_view name) {
    if (!first_) out_ += ',';
    first_ = false;
    return out_.append("\"").append(name).append("\":");
  }

 private:
  std::string& out_;
  bool first_ = true;
};

void write_since(object_writer& line, const std::optional<since>& value) {
  if (!value) return;
  object_writer inner{line.begin("since")};
  if (value->id) inner.number("id", *value->id);
  inner.text_if_any("epoch", value->epoch);
  if (value->ago) inner.number("ago", value->ago->count());
}

void write_names(object_writer& line, std::string_view member, const std::vector<std::string>& names) {
  if (names.empty()) return;
  std::string& out = line.begin(member);
  out += '{';
  for (const std::string& name : names) {
    if (&name != &names.front()) out += ',';
    append_string(out, name);
    out += ":1";
  }
  out += '}';
}

struct event_writer {
  object_writer& line;

  void operator()(const events::welcome& what) const {
    line.text("type", "welcome").number("tcpchat", what.version).text("nick", what.nick).text("ticket", what.ticket);
  }
  void operator()(const events::joined& what) const {
    line.text("type", "joined").text("room", what.room).text("epoch", what.epoch).number("next", what.next);
    line.number("lost", what.lost).yes_no("resumed", what.resumed).number("members", what.members);
  }
  void operator()(const events::left& what) const { line.text("type", "left").text("room", what.room); }
  void operator()(const events::nick& what) const { line.text("type", "nick").text("nick", what.nick); }
  void operator()(const events::message& what) const {
    line.text("type", "message").text("room", what.room).number("id", what.id).number("time", what.time);
    line.text("from", what.from).text("text", what.text);
  }
  void operator()(const events::direct& what) const {
    line.text("type", "direct").number("time", what.time).text("from", what.from).text("to", what.to);
    line.text("text", what.text);
  }
  void operator()(const events::ack& what) const {
    line.text("type", "ack");
    if (what.id) line.number("id", *what.id).text("epoch", what.epoch);
    if (what.repeat) line.yes_no("repeat", true);
  }
  void operator()(const events::presence& what) const {
    line.text("type", "presence").text("room", what.room).number("members", what.members);
    write_names(line, "joined", what.joined);
    write_names(line, "left", what.left);
    if (what.more > 0) line.number("more", what.more);
  }
  void operator()(const events::member& what) const {
    line.text("type", "member").text("nick", what.nick).text_if_any("room", what.room).number("idle", what.idle);
  }
  void operator()(const events::end& what) const {
    line.text("type", "end").number("count", what.count);
    if (what.room.empty()) return;
    line.text("room", what.room).text("epoch", what.epoch).number("next", what.next).number("lost", what.lost);
  }
  void operator()(const events::notice& what) const { line.text("type", "notice").text("text", what.text); }
  void operator()(const events::ping& /*what*/) const { line.text("type", "ping"); }
  void operator()(const events::pong& /*what*/) const { line.text("type", "pong"); }
  void operator()(const events::error& what) const { write_reason("error", what.what, what.text); }
  void operator()(const events::bye& what) const { write_reason("bye", what.what, what.text); }

  void write_reason(std::string_view type, code what, std::string_view text) const {
    line.text("type", type).text("code", to_text(what)).text("text", text);
  }
};

struct request_writer {
  object_writer& line;

  void operator()(const requests::hello& what) const {
    line.number("tcpchat", what.version).text_if_any("nick", what.nick).text_if_any("room", what.room);
    write_since(line, what.since);
    if (!what.presence) line.yes_no("presence", false);
    line.text_if_any("ticket", what.ticket);
  }
  void operator()(const requests::send& what) const {
    line.text("type", "send").text_if_any("room", what.room).text_if_any("to", what.to);
    line.text_if_any("key", what.key).text("text", what.text);
  }
  void operator()(const requests::join& what) const {
    line.text("type", "join").text("room", what.room);
    write_since(line, what.since);
  }
  void operator()(const requests::leave& /*what*/) const { line.text("type", "leave"); }
  void operator()(const requests::nick& what) const { line.text("type", "nick").text("nick", what.nick); }
  void operator()(const requests::who& what) const { line.text("type", "who").text_if_any("room", what.room); }
  void operator()(const requests::history& what) const {
    line.text("type", "history").text("room", what.room);
    write_since(line, what.since);
    if (what.limit) line.number("limit", *what.limit);
  }
  void operator()(const requests::kick& what) const {
    line.text("type", "kick").text("to", what.to).text_if_any("text", what.text);
  }
  void operator()(const requests::ban& what) const { line.text("type", "ban").text("to", what.to); }
  void operator()(const requests::ping& /*what*/) const { line.text("type", "ping"); }
  void operator()(const requests::pong& /*what*/) const { line.text("type", "pong"); }
  void operator()(const requests::quit& /*what*/) const { line.text("type", "quit"); }
  void operator()(const requests::help& /*what*/) const {}
};

template <class Writer, class Words>
void append(std::string& out, const Words& what, std::string_view tag) {
  {
    object_writer line{out};
    std::visit(Writer{line}, what);
    line.text_if_any("tag", tag);
  }
  out += '\n';
}

}  // namespace

void append_line(std::string& out, const event& what, std::string_view tag) { append<event_writer>(out, what, tag); }

void append_line(std::string& out, const request& what, std::string_view tag) {
  if (std::holds_alternative<requests::help>(what)) return;
  append<request_writer>(out, what, tag);
}

void append_message(std::string& out, std::string_view room, std::uint64_t id, wall_time time, std::string_view from,
                    std::string_view text) {
  append_string(out.append(R"({"type":"message","room":)"), room);
  append_number(out.append(R"(,"id":)"), id);
  append_number(out.append(R"(,"time":)"), time);
  append_string(out.append(R"(,"from":)"), from);
  append_string(out.append(R"(,"text":)"), text);
  out += "}\n";
}

}  // namespace tcptools::chat
