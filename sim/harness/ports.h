// SPDX-FileCopyrightText: The Spikeloom developers
// SPDX-License-Identifier: Apache-2.0
//
// Bit fields of the ports of a Verilated model.
//
// Verilator gives a port of up to 64 bits an unsigned integer type and a wider
// one an array of 32-bit words.  These two functions hide the difference.

#ifndef SPIKELOOM_PORTS_H_
#define SPIKELOOM_PORTS_H_

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace spikeloom {

constexpr std::uint64_t mask(unsigned width) {
  return width >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << width) - 1;
}

// The field of `width` bits (1 to 64) that starts at bit `lsb` of `port`.
template <class Port>
std::uint64_t read_field(const Port& port, unsigned lsb, unsigned width) {
  if constexpr (std::is_integral_v<Port>) {
    return (static_cast<std::uint64_t>(port) >> lsb) & mask(width);
  } else {
    unsigned word = lsb / 32;
    const unsigned offset = lsb % 32;
    std::uint64_t value = static_cast<std::uint64_t>(port[word]) >> offset;
    for (unsigned have = 32 - offset; have < width; have += 32) {
      value |= static_cast<std::uint64_t>(port[++word]) << have;
    }
    return value & mask(width);
  }
}

// The same field as a two's-complement number.
template <class Port>
std::int64_t read_signed(const Port& port, unsigned lsb, unsigned width) {
  const unsigned unused = 64 - width;
  return static_cast<std::int64_t>(read_field(port, lsb, width) << unused) >> unused;
}

// Set `port` from `count` bytes, the least significant first.
template <class Port>
void write_bytes(Port& port, const std::uint8_t* bytes, std::size_t count) {
  if constexpr (std::is_integral_v<Port>) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < count; ++i) {
      value |= static_cast<std::uint64_t>(bytes[i]) << (8 * i);
    }
    port = static_cast<Port>(value);
  } else {
    for (std::size_t word = 0; word < (count + 3) / 4; ++word) {
      std::uint32_t value = 0;
      for (std::size_t i = 4 * word; i < count && i < 4 * word + 4; ++i) {
        value |= static_cast<std::uint32_t>(bytes[i]) << (8 * (i % 4));
      }
      port[word] = value;
    }
  }
}

}  // namespace spikeloom

#endif  // SPIKELOOM_PORTS_H_
