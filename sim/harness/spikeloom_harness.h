// SPDX-FileCopyrightText: The Spikeloom developers
// SPDX-License-Identifier: Apache-2.0
//
// Streams inferences through the Verilated top of a Spikeloom design and
// compares everything that comes out with what the reference executor expects.
//
// Input (standard input, little-endian), one record per inference:
//
//   u32  length of the record in bytes, without this field; 0 ends the stream
//   u8   input beats [frames * beats][bytes per beat]
//   i64  scores [classes]
//   u32  prediction
//   and for every compared layer, in the order of the design:
//     u8   spikes    [time steps][neurons]   neurons in stream order (y, x, channel)
//     i32  membranes [time steps][neurons]   after reset
//
// A stream that ends without the zero length is an error: its sender died.
// Output: one JSON object on the last line of standard output.

#ifndef SPIKELOOM_HARNESS_H_
#define SPIKELOOM_HARNESS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "design.h"

namespace spikeloom {

struct Options {
  bool isolated = false;         // the next inference waits for the result of the last
  double idle = 0.0;             // share of cycles without an input beat on offer
  double stall = 0.0;            // share of cycles in which the output is not ready
  double reset = 0.0;            // share of inferences that a reset interrupts
  std::uint64_t seed = 1;        // of idles, stalls, resets and uninitialised state
  std::uint64_t watchdog = 100000;  // cycles without progress that count as a deadlock
  std::size_t first_layer = 0;   // layers before this one are not compared
};

// One inference: its input and what must come out.  Owns the record.
class Inference {
 public:
  Inference(std::vector<std::uint8_t> record, std::size_t first_layer);

  static std::size_t record_size(std::size_t first_layer);

  const std::uint8_t* beat(std::size_t index) const { return &record_[index * kInputBytes]; }
  std::int64_t score(std::size_t index) const;
  std::uint32_t prediction() const;
  // `position` counts neurons over all time steps.
  bool spike(std::size_t layer, std::size_t position) const;
  std::int32_t membrane(std::size_t layer, std::size_t position) const;

 private:
  template <class T>
  T load(std::size_t offset) const;

  std::vector<std::uint8_t> record_;
  std::array<std::size_t, kLayers.size()> layer_offset_{};
};

// The inferences that are in flight, oldest first; the rest wait in the pipe.
class Window {
 public:
  explicit Window(std::size_t first_layer) : first_layer_(first_layer) {}

  // Inference number `index`, read from the pipe when needed; null after the last.
  const Inference* at(std::uint64_t index);
  // Inference number `index` if it has been read and is still in flight.
  const Inference* find(std::uint64_t index) const;
  // Forget the oldest: its result is complete.
  void retire();
  // Number of the oldest in flight, which is the count of complete ones.
  std::uint64_t oldest() const { return oldest_; }

 private:
  bool read_next();

  std::size_t first_layer_;
  std::uint64_t oldest_ = 0;
  bool ended_ = false;
  std::deque<Inference> inferences_;
};

struct Mismatch {
  const char* kind;
  std::uint64_t cycle;
  std::uint64_t inference;
  const char* place;  // a layer, or a port
  std::int64_t step;  // -1 where it has no meaning, like the next two
  std::int64_t index;
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

// Smallest set of numbers that describes a duration.
struct Cycles {
  std::uint64_t count = 0;
  std::uint64_t sum = 0;
  std::uint64_t max = 0;

  void add(std::uint64_t cycles);
};

class Harness {
 public:
  explicit Harness(const Options& options, int argc, char** argv);
  ~Harness();

  // Run every inference of standard input.
  void run();
  // The result, as one line of JSON.
  std::string json() const;

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
  void check_probes_done();
  void complete();
  void report_deadlock();
  void drain();
  void begin_inference();
  std::uint64_t typical_inference() const;
  // The inference a checker is at, or null if its first beat has not entered yet.
  const Inference* expected(const Cursor& cursor) const;
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
  bool held_ = false;  // an output beat was on offer and not taken
  Beat offered_{};
  double idle_now_ = 0.0;  // drawn anew for each inference: smooth, bursty, slow
  double stall_now_ = 0.0;
  std::uint64_t blocked_until_ = 0;  // the output is not ready before this cycle

  std::deque<std::uint64_t> started_;  // cycle of the first beat of each inference in flight
  std::uint64_t last_result_ = 0;      // cycle of the last complete result
  Cycles latency_;
  Cycles interval_;

  std::uint64_t resets_ = 0;
  std::uint64_t planned_ = 0;  // inferences for which a reset was drawn already
  std::uint64_t reset_at_ = 0;  // cycle of the next reset; 0: none
};

}  // namespace spikeloom

#endif  // SPIKELOOM_HARNESS_H_
