// Who is at the other end of a connection, as the socket tells it. A message can claim anything;
// this it cannot.
#pragma once

#include <cstdint>
#include <string>

namespace weir {

struct Peer {
  // What it may do follows from the socket that it came in by.
  enum class Role : uint8_t {
    kWriter,  // Of lanes that are read here: it connected to us.
    kReader,  // Of our lane: we connected to it.
  };

  std::string route;     // The connection. Another one after each reconnect.
  std::string identity;  // Who it has proved to be; empty: nobody asked, all who come in may.
  Role role = Role::kWriter;

  bool operator==(const Peer&) const = default;
};

}  // namespace weir
