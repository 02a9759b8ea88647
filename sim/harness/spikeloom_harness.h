// SPDX-FileCopyrightText: The Spikeloom developers
// SPDX-License-Identifier: Apache-2.0
//
// Streams inferences through the Verilated top of a Spikeloom design and
// compares everything that comes out with what the reference executor expects.
// `inference.h` describes the input, `report.h` the output.

#ifndef SPIKELOOM_HARNESS_H_
#define SPIKELOOM_HARNESS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <random>
#include <vector>

#include "Vdesign.h"  // the Verilated top; `_build.py` gives it this name
#include "design.h"
#include "inference.h"
#include "options.h"
#include "report.h"

namespace spikeloom {

using Model = Vdesign;

class Harness {
 public:
  Harness(const Options& options, int argc, char** argv);
  ~Harness();

  // Run every inference of standard input.
  void run();
  Report report() const;

 private:
  struct Cursor {
    std::uint64_t inference = 0;
    std::size_t position = 0;  // beats of the input, scores, or neurons over all steps
  };
  struct Beat {
    std::int64_t score;
    std::uint32_t prediction;
    bool last;

    bool operator!=(const Beat& other) const {
      return score != other.score || prediction != other.prediction || last != other.last;
    }
  };

  void reset(unsigned cycles);
  void interrupt();
  void drive();
  void drive_input();
  bool may_offer();
  void cycle();
  void check();
  void check_input();
  void check_probes();
  template <class Spikes, class Membranes>
  void check_probe(std::size_t layer, const Spikes& spikes, const Membranes& membranes);
  void check_output();
  void check_held(bool valid, const Beat& beat);
  void check_beat(const Beat& beat);
  void check_restart();
  void check_probes_done(std::uint64_t number, std::size_t steps);
  void measure_layers();
  void complete();
  void retire();
  void report_deadlock();
  void drain();
  void begin_inference();
  std::uint64_t typical_inference() const;
  // The inference a checker is at, or null if its first beat has not entered yet.
  const Inference* expected(const Cursor& cursor) const;
  // The same for the probe of a layer, which may lead.
  const Inference* expected(const Layer& layer, const Cursor& cursor);
  bool chance(double probability);
  std::uint64_t below(std::uint64_t limit);
  void mismatch(const char* kind, std::uint64_t inference, const char* place, std::int64_t step,
                std::int64_t index, std::int64_t got, std::int64_t expected);

  Options options_;
  std::unique_ptr<VerilatedContext> context_;
  std::unique_ptr<Model> model_;
  std::mt19937_64 random_;
  Window window_;
  Ledger ledger_;

  std::uint64_t cycle_ = 0;
  std::uint64_t last_progress_ = 0;
  bool deadlock_ = false;

  bool offering_ = false;  // an input beat is on offer and stays so until it is taken
  Cursor input_;
  Cursor output_;
  std::array<Cursor, kLayers.size()> probes_{};
  std::uint64_t decided_ = 0;  // inferences decided, where the design decides early
  bool held_ = false;  // an output beat was on offer and not taken
  Beat offered_{};
  double idle_now_ = 0.0;  // drawn anew for each inference: smooth, bursty, slow
  double stall_now_ = 0.0;
  std::uint64_t blocked_until_ = 0;  // the output is not ready before this cycle

  std::deque<std::uint64_t> started_;  // cycle of the first beat of each inference in flight
  std::uint64_t last_result_ = 0;      // cycle of the last complete result
  Cycles steps_;  // time steps until the decision
  Cycles latency_;
  Cycles interval_;
  std::array<std::uint64_t, kLayers.size()> busy_{};  // working clocks since the last result
  std::array<Cycles, kLayers.size()> layers_{};

  std::uint64_t resets_ = 0;
  std::uint64_t planned_ = 0;  // inferences for which a reset was drawn already
  std::uint64_t reset_at_ = 0;  // cycle of the next reset; 0: none
};

}  // namespace spikeloom

#endif  // SPIKELOOM_HARNESS_H_
