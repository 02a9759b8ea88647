// SPDX-FileCopyrightText: The Spikeloom developers
// SPDX-License-Identifier: Apache-2.0
//
// The inferences that stream through the design, and what must come of them.
//
// Input (standard input, little-endian), one record per inference:
//
//   u32  length of the record in bytes, without this field; 0 ends the stream
//   u8   input beats [frames * beats][bytes per beat]
//   i64  scores [classes]
//   u32  prediction
//   u32  time steps until the decision
//   and for every compared layer, in the order of the design:
//     u8   spikes    [time steps][neurons]   neurons in stream order (y, x, channel)
//     i32  membranes [time steps][neurons]   after reset
//
// A stream that ends without the zero length is an error: its sender died.

#ifndef SPIKELOOM_INFERENCE_H_
#define SPIKELOOM_INFERENCE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "design.h"

namespace spikeloom {

constexpr std::size_t kInputBeats = std::size_t{kBeats} * kFrames;  // of one inference

// Neurons of a layer over all time steps.
constexpr std::size_t neuron_steps(std::size_t layer) {
  return std::size_t{kLayers[layer].neurons} * kTimeSteps;
}

// One inference: its input and what must come out.  Owns the record.
class Inference {
 public:
  Inference(std::vector<std::uint8_t> record, std::size_t first_layer);

  static std::size_t record_size(std::size_t first_layer);

  const std::uint8_t* beat(std::size_t index) const { return &record_[index * kInputBytes]; }
  std::int64_t score(std::size_t index) const;
  std::uint32_t prediction() const;
  // Time steps until the decision: all of them, unless the design decides early.
  std::uint32_t steps() const;
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
  // Forget the oldest: nothing is at work on it any more.
  void retire();
  // Number of the oldest in flight.
  std::uint64_t oldest() const { return oldest_; }

 private:
  bool read_next();

  std::size_t first_layer_;
  std::uint64_t oldest_ = 0;
  bool ended_ = false;
  std::deque<Inference> inferences_;
};

}  // namespace spikeloom

#endif  // SPIKELOOM_INFERENCE_H_
