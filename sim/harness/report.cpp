// SPDX-FileCopyrightText: The Spikeloom developers
// SPDX-License-Identifier: Apache-2.0
//
// The result of a run as one line of JSON.  Names are identifiers: nothing to escape.

#include <sstream>

#include "spikeloom_harness.h"

namespace spikeloom {

namespace {

template <class Items, class Print>
void list(std::ostream& out, const char* name, const Items& items, Print print) {
  out << ", \"" << name << "\": [";
  const char* separator = "";
  for (const auto& item : items) {
    out << separator;
    print(item);
    separator = ", ";
  }
  out << "]";
}

void print(std::ostream& out, const char* name, const Cycles& cycles) {
  out << ", \"" << name << "\": {\"count\": " << cycles.count << ", \"sum\": " << cycles.sum
      << ", \"max\": " << cycles.max << "}";
}

void print(std::ostream& out, const Mismatch& m) {
  out << "{\"kind\": \"" << m.kind << "\", \"cycle\": " << m.cycle
      << ", \"inference\": " << m.inference << ", \"place\": \"" << m.place
      << "\", \"step\": " << m.step << ", \"index\": " << m.index << ", \"got\": " << m.got
      << ", \"expected\": " << m.expected << "}";
}

}  // namespace

std::string Harness::json() const {
  std::ostringstream out;
  out << "{\"inferences\": " << window_.oldest() << ", \"cycles\": " << cycle_
      << ", \"scores\": " << ledger_.scores << ", \"predictions\": " << ledger_.predictions
      << ", \"spikes\": " << ledger_.spikes << ", \"membranes\": " << ledger_.membranes
      << ", \"mismatches\": " << ledger_.mismatches << ", \"resets\": " << resets_
      << ", \"deadlock\": " << (deadlock_ ? "true" : "false");
  print(out, "latency", latency_);
  print(out, "interval", interval_);
  list(out, "wrong_predictions", ledger_.wrong_predictions,
       [&](const auto& wrong) { out << "[" << wrong.first << ", " << wrong.second << "]"; });
  list(out, "first_mismatches", ledger_.first, [&](const Mismatch& m) { print(out, m); });
  std::vector<std::size_t> layers;
  for (std::size_t layer = options_.first_layer; layer < kLayers.size(); ++layer) {
    layers.push_back(layer);
  }
  out << ", \"input_at\": [" << input_.inference << ", " << input_.position << "]";
  out << ", \"output_at\": [" << output_.inference << ", " << output_.position << "]";
  list(out, "layers_at", layers, [&](std::size_t layer) {
    out << "[\"" << kLayers[layer].name << "\", " << probes_[layer].inference << ", "
        << probes_[layer].position << "]";
  });
  out << "}";
  return out.str();
}

}  // namespace spikeloom
