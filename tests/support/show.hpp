// Frames, jobs and tasks as short lines, so that a test reads as the conversation it checks:
// "ACCEPT 1 checked 2, HAVE 1 0+2".
#pragma once

#include <string>
#include <type_traits>
#include <variant>

#include "tcptools/base/text.hpp"
#include "tcptools/transfer/jobs.hpp"
#include "tcptools/transfer/protocol.hpp"
#include "tcptools/transfer/send_machine.hpp"

namespace tcptools::testing {

inline std::string show(transfer::frames::block_run run) {
  return std::to_string(run.first) + "+" + std::to_string(run.count);
}

inline std::string show(const transfer::frame& value) {
  using namespace transfer::frames;
  struct visitor {
    static std::string of(const char* name, std::uint32_t id) { return name + (" " + std::to_string(id)); }
    static std::string reason(transfer::wire_code code) {
      return " code " + std::to_string(static_cast<unsigned>(code));
    }

    std::string operator()(const hello& one) const {
      return std::string{"HELLO"} + (one.zstd ? " zstd" : "") + (one.quick_check ? " quick" : "");
    }
    std::string operator()(const welcome& one) const {
      return "WELCOME window " + std::to_string(one.window) + " open " + std::to_string(one.open_files) +
             (one.zstd ? " zstd" : "") + (one.quick_check ? " quick" : "");
    }
    std::string operator()(const offer& one) const {
      static constexpr const char* forms[] = {"", " with content", " promised"};
      const auto* const promise = std::get_if<promised>(&one.body);
      const bool by_time = promise != nullptr && !promise->content_digest;
      return of("OFFER", one.id) + " '" + visible(one.item.path) + "'" +
             (by_time ? " by time" : forms[one.body.index()]);
    }
    std::string operator()(const accept& one) const {
      return of("ACCEPT", one.id) + " checked " + std::to_string(one.checked);
    }
    std::string operator()(const have& one) const {
      return of("HAVE", one.id) + " " + show(one.blocks) + (one.digests.empty() ? " nothing" : "");
    }
    std::string operator()(const block& one) const {
      return of("BLOCK", one.id) + " " + std::to_string(one.index) + " of " + std::to_string(one.data.size()) +
             (one.compressed ? " compressed" : "");
    }
    std::string operator()(const hole& one) const { return of("HOLE", one.id) + " " + show(one.blocks); }
    std::string operator()(const keep& one) const { return of("KEEP", one.id) + " " + show(one.blocks); }
    std::string operator()(const need& one) const { return of("NEED", one.id) + " " + show(one.blocks); }
    std::string operator()(const finish& one) const { return of("FINISH", one.id) + " " + std::to_string(one.size); }
    std::string operator()(const delivered& one) const {
      return of("DELIVERED", one.id) + (one.unchanged ? " unchanged" : "") +
             (one.path.empty() ? "" : " as '" + one.path + "'");
    }
    std::string operator()(const refuse& one) const { return of("REFUSE", one.id) + reason(one.code); }
    std::string operator()(const cancel& one) const { return of("CANCEL", one.id) + reason(one.code); }
    std::string operator()(const join& /*one*/) const { return "JOIN"; }
    std::string operator()(const fence& one) const { return "FENCE " + std::to_string(one.id); }
    std::string operator()(const progress& one) const {
      return of("PROGRESS", one.id) + " " + std::to_string(one.bytes);
    }
    std::string operator()(const transfer::frames::error& one) const { return "ERROR" + reason(one.code); }
    std::string operator()(const bye& /*one*/) const { return "BYE"; }
    std::string operator()(const unknown& /*one*/) const { return "?"; }
  };
  return std::visit(visitor{}, value);
}

inline std::string show(const transfer::job& value) {
  using namespace transfer::jobs;
  struct visitor {
    static std::string of(const char* name, std::uint32_t id) { return name + (" " + std::to_string(id)); }

    std::string operator()(const put& one) const { return of("put", one.id); }
    std::string operator()(const find& one) const {
      return of("find", one.id) + (one.content_digest ? "" : " by time");
    }
    std::string operator()(const make& one) const { return of("make", one.id); }
    std::string operator()(const open& one) const { return of("open", one.id); }
    std::string operator()(const claim& one) const { return of("claim", one.id) + " " + show(one.blocks); }
    std::string operator()(const keep& one) const {
      return of("keep", one.id) + " " + show(transfer::frames::block_run{one.first, one.claims.size()});
    }
    std::string operator()(const write& one) const {
      return of("write", one.id) + " " + std::to_string(one.index) +
             (one.compressed ? " from " + std::to_string(one.content.bytes.size()) : "");
    }
    std::string operator()(const write_hole& one) const { return of("hole", one.id) + " " + show(one.blocks); }
    std::string operator()(const commit& one) const { return of("commit", one.id) + " " + std::to_string(one.size); }
    std::string operator()(const adopt& one) const { return of("adopt", one.id); }
    std::string operator()(const abandon& one) const {
      return of("abandon", one.id) + (one.discard ? " and discard" : "");
    }
  };
  return std::visit(visitor{}, value);
}

inline std::string show(const transfer::send_task& value) {
  using namespace transfer::tasks;
  struct visitor {
    std::string operator()(const read& one) const { return "read " + std::to_string(one.id) + " " + show(one.blocks); }
    std::string operator()(const read_stream& one) const { return "read stream " + std::to_string(one.id); }
    std::string operator()(const check& one) const { return "check " + std::to_string(one.id); }
  };
  return std::visit(visitor{}, value);
}

template <class Values>
std::string show_all(const Values& values) {
  std::string line;
  for (const auto& one : values) line += (line.empty() ? "" : ", ") + show(one);
  return line;
}

}  // namespace tcptools::testing
