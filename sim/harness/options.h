// SPDX-FileCopyrightText: The Spikeloom developers
// SPDX-License-Identifier: Apache-2.0
//
// How to run the harness.

#ifndef SPIKELOOM_OPTIONS_H_
#define SPIKELOOM_OPTIONS_H_

#include <cstddef>
#include <cstdint>

namespace spikeloom {

struct Options {
  bool isolated = false;            // the next inference waits for the result of the last
  double idle = 0.0;                // share of cycles without an input beat on offer
  double stall = 0.0;               // share of cycles in which the output is not ready
  double reset = 0.0;               // share of inferences that a reset interrupts
  std::uint64_t seed = 1;           // of idles, stalls, resets and uninitialised state
  std::uint64_t watchdog = 100000;  // cycles without progress that count as a deadlock
  std::size_t first_layer = 0;      // layers before this one are not compared
};

}  // namespace spikeloom

#endif  // SPIKELOOM_OPTIONS_H_
