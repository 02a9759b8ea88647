// SPDX-FileCopyrightText: The Spikeloom developers
// SPDX-License-Identifier: Apache-2.0
//
// Names are identifiers: there is nothing to escape.

#include "report.h"

#include <algorithm>
#include <sstream>

namespace spikeloom {

namespace {

void print(std::ostream& out, const Mismatch& m) {
  out << "{\"kind\": \"" << m.kind << "\", \"cycle\": " << m.cycle
      << ", \"inference\": " << m.inference << ", \"place\": \"" << m.place
      << "\", \"step\": " << m.step << ", \"index\": " << m.index << ", \"got\": " << m.got
      << ", \"expected\": " << m.expected << "}";
}

void print(std::ostream& out, const Position& position) {
  out << "[\"" << position.place << "\", " << position.inference << ", " << position.index << "]";
}

void print(std::ostream& out, const std::pair<std::uint64_t, std::uint32_t>& wrong) {
  out << "[" << wrong.first << ", " << wrong.second << "]";
}

void print(std::ostream& out, const Cycles& cycles) {
  out << "{\"count\": " << cycles.count << ", \"sum\": " << cycles.sum
      << ", \"max\": " << cycles.max << "}";
}

void print(std::ostream& out, const std::pair<std::string, Cycles>& layer) {
  out << "[\"" << layer.first << "\", ";
  print(out, layer.second);
  out << "]";
}

template <class Items>
void print_list(std::ostream& out, const char* name, const Items& items) {
  out << ", \"" << name << "\": [";
  const char* separator = "";
  for (const auto& item : items) {
    out << separator;
    print(out, item);
    separator = ", ";
  }
  out << "]";
}

}  // namespace

void Ledger::add(const Mismatch& mismatch) {
  ++mismatches;
  if (first.size() < kKept) {
    first.push_back(mismatch);
  }
}

void Cycles::add(std::uint64_t cycles) {
  ++count;
  sum += cycles;
  max = std::max(max, cycles);
}

std::string to_json(const Report& report) {
  const Ledger& ledger = report.ledger;
  std::ostringstream out;
  out << "{\"inferences\": " << report.inferences << ", \"cycles\": " << report.cycles
      << ", \"resets\": " << report.resets
      << ", \"deadlock\": " << (report.deadlock ? "true" : "false")
      << ", \"scores\": " << ledger.scores << ", \"predictions\": " << ledger.predictions
      << ", \"spikes\": " << ledger.spikes << ", \"membranes\": " << ledger.membranes
      << ", \"mismatches\": " << ledger.mismatches;
  out << ", \"steps\": ";
  print(out, report.steps);
  out << ", \"latency\": ";
  print(out, report.latency);
  out << ", \"interval\": ";
  print(out, report.interval);
  print_list(out, "layers", report.layers);
  print_list(out, "wrong_predictions", ledger.wrong_predictions);
  print_list(out, "first_mismatches", ledger.first);
  print_list(out, "positions", report.positions);
  out << "}";
  return out.str();
}

}  // namespace spikeloom
