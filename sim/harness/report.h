// SPDX-FileCopyrightText: The Spikeloom developers
// SPDX-License-Identifier: Apache-2.0
//
// What a run found.

#ifndef SPIKELOOM_REPORT_H_
#define SPIKELOOM_REPORT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "options.h"

namespace spikeloom {

struct Mismatch {
  const char* kind;
  std::uint64_t cycle;
  std::uint64_t inference;
  const char* place;   // a layer, or a port
  std::int64_t step;   // -1 where it has no meaning, like the next one
  std::int64_t index;  // of a neuron, a score or a beat
  std::int64_t got;
  std::int64_t expected;
};

// Counts what was compared and keeps the first mismatches.
struct Ledger {
  static constexpr std::size_t kKept = 16;

  std::uint64_t scores = 0;
  std::uint64_t predictions = 0;
  std::uint64_t spikes = 0;
  std::uint64_t membranes = 0;
  std::uint64_t mismatches = 0;
  std::vector<Mismatch> first;
  std::vector<std::pair<std::uint64_t, std::uint32_t>> wrong_predictions;

  void add(const Mismatch& mismatch);
};

// Smallest set of numbers that describes durations.
struct Cycles {
  std::uint64_t count = 0;
  std::uint64_t sum = 0;
  std::uint64_t max = 0;

  void add(std::uint64_t cycles);
};

// How far a stream or a probe has come.
struct Position {
  std::string place;
  std::uint64_t inference;
  std::size_t index;  // beats, scores, or neurons over all time steps
};

struct Report {
  std::uint64_t inferences = 0;
  std::uint64_t cycles = 0;
  std::uint64_t resets = 0;
  bool deadlock = false;
  Ledger ledger;
  Cycles steps;     // time steps until the decision, where the design decides early
  Cycles latency;   // first input beat to last score, both included
  Cycles interval;  // from last score to last score
  // By layer, of isolated runs: clocks in which it added weights or sent currents.
  std::vector<std::pair<std::string, Cycles>> layers;
  std::vector<Position> positions;  // at the end of the run
};

// Run the inferences of standard input through the design.
Report run_harness(const Options& options, int argc, char** argv);

// The report as one line of JSON.
std::string to_json(const Report& report);

}  // namespace spikeloom

#endif  // SPIKELOOM_REPORT_H_
