// SPDX-FileCopyrightText: The Spikeloom developers
// SPDX-License-Identifier: Apache-2.0

#include "spikeloom_harness.h"

#include <algorithm>
#include <stdexcept>

#include "ports.h"

namespace spikeloom {

namespace {

constexpr unsigned kResetCycles = 4;
constexpr std::uint64_t kDrainCycles = 1000;
// One in so many inferences meets an output that is blocked until every queue is full.
constexpr std::uint64_t kBlockedShare = 8;

// On the input while no beat is on offer.
const std::array<std::uint8_t, kInputBytes> kGarbage = [] {
  std::array<std::uint8_t, kInputBytes> bytes{};
  bytes.fill(0xff);
  return bytes;
}();

}  // namespace

// --- Reporting -------------------------------------------------------------------------------

void Harness::mismatch(const char* kind, std::uint64_t inference, const char* place,
                       std::int64_t step, std::int64_t index, std::int64_t got,
                       std::int64_t expected) {
  ledger_.add({kind, cycle_, inference, place, step, index, got, expected});
}

Report Harness::report() const {
  Report report;
  report.inferences = output_.inference;
  report.cycles = cycle_;
  report.resets = resets_;
  report.deadlock = deadlock_;
  report.ledger = ledger_;
  report.latency = latency_;
  report.interval = interval_;
  report.steps = steps_;
  for (std::size_t layer = 0; layer < kLayers.size(); ++layer) {
    report.layers.emplace_back(kLayers[layer].name, layers_[layer]);
  }
  report.positions.push_back({"s_axis", input_.inference, input_.position});
  for (std::size_t layer = options_.first_layer; layer < kLayers.size(); ++layer) {
    report.positions.push_back(
        {kLayers[layer].name, probes_[layer].inference, probes_[layer].position});
  }
  report.positions.push_back({"m_axis", output_.inference, output_.position});
  return report;
}

Report run_harness(const Options& options, int argc, char** argv) {
  Harness harness(options, argc, argv);
  harness.run();
  return harness.report();
}

// --- Clock, reset and the main loop ----------------------------------------------------------

Harness::Harness(const Options& options, int argc, char** argv)
    : options_(options),
      context_(std::make_unique<VerilatedContext>()),
      random_(options.seed),
      window_(options.first_layer) {
  context_->commandArgs(argc, argv);
  // Registers and memories start with random bits, so that a missing reset shows.
  context_->randReset(2);
  context_->randSeed(1 + static_cast<int>(options.seed % 0x7ffffffe));
  model_ = std::make_unique<Model>(context_.get());
}

Harness::~Harness() { model_->final(); }

void Harness::run() {
  reset(kResetCycles);
  while (!deadlock_ && (window_.at(output_.inference) != nullptr ||
                        window_.oldest() != output_.inference)) {
    if (reset_at_ != 0 && cycle_ >= reset_at_) {
      interrupt();
    }
    drive();
    cycle();
    if (context_->gotFinish()) {
      throw std::runtime_error("the design called $finish");
    }
    if (cycle_ - last_progress_ > options_.watchdog) {
      report_deadlock();
    }
  }
  drain();
}

void Harness::cycle() {
  model_->clk_i = 0;
  model_->eval();
  check();
  model_->clk_i = 1;
  model_->eval();
  context_->timeInc(1);
  ++cycle_;
}

void Harness::reset(unsigned cycles) {
  model_->rst_ni = 0;
  model_->s_axis_tvalid = 0;
  model_->m_axis_tready = 0;
  for (unsigned i = 0; i < cycles; ++i) {
    cycle();
  }
  model_->rst_ni = 1;
  last_progress_ = cycle_;
}

// Reset in mid-stream: what was in flight is lost, and enters once more if it has no result yet.
void Harness::interrupt() {
  ++resets_;
  reset_at_ = 0;
  reset(1 + static_cast<unsigned>(below(kResetCycles)));
  const Cursor restart{output_.inference, 0};
  input_ = output_ = restart;
  probes_.fill(restart);
  decided_ = output_.inference;
  retire();
  offering_ = held_ = false;
  blocked_until_ = 0;
  started_.clear();
  last_result_ = 0;
}

// A result beyond the last one must not appear.
void Harness::drain() {
  offering_ = false;
  model_->s_axis_tvalid = 0;
  model_->m_axis_tready = 1;
  for (std::uint64_t i = 0; !deadlock_ && i < std::min(kDrainCycles, options_.watchdog); ++i) {
    cycle();
  }
}

void Harness::report_deadlock() {
  deadlock_ = true;
  mismatch("deadlock", output_.inference, "m_axis", -1, static_cast<std::int64_t>(output_.position),
           0, 0);
}

// --- Driving ---------------------------------------------------------------------------------

bool Harness::chance(double probability) {
  return probability > 0.0 && static_cast<double>(random_() >> 11) * 0x1p-53 < probability;
}

std::uint64_t Harness::below(std::uint64_t limit) { return random_() % limit; }

void Harness::drive() {
  drive_input();
  model_->m_axis_tready = cycle_ >= blocked_until_ && !chance(stall_now_);
}

bool Harness::may_offer() {
  const bool waits = options_.isolated && input_.inference > output_.inference;
  return !waits && window_.at(input_.inference) != nullptr && !chance(idle_now_);
}

void Harness::drive_input() {
  if (!offering_) {
    offering_ = may_offer();
  }
  const std::uint8_t* bytes =
      offering_ ? window_.at(input_.inference)->beat(input_.position) : kGarbage.data();
  write_bytes(model_->s_axis_tdata, bytes, kInputBytes);
  model_->s_axis_tvalid = offering_;
  // Without tvalid, tlast is up: a design that looks at it all the same will fail.
  model_->s_axis_tlast = !offering_ || (input_.position + 1) % kBeats == 0;
}

// Cycles that an inference has taken so far, on average.
std::uint64_t Harness::typical_inference() const {
  return cycle_ / (output_.inference + 1) + kInputBeats + kClasses;
}

// Each inference is smooth, stuttering or slow, and perhaps interrupted.
void Harness::begin_inference() {
  started_.push_back(cycle_);
  const auto draw = [this](double share) {
    const std::array<double, 3> shares{0.0, share, 0.9};
    return share > 0.0 ? shares[below(shares.size())] : 0.0;
  };
  idle_now_ = draw(options_.idle);
  stall_now_ = draw(options_.stall);
  if (options_.stall > 0.0 && below(kBlockedShare) == 0) {
    blocked_until_ = cycle_ + below(std::min(3 * typical_inference(), options_.watchdog / 4));
  }
  if (input_.inference >= planned_) {
    planned_ = input_.inference + 1;  // an inference is interrupted once: the run goes on
    if (chance(options_.reset)) {
      reset_at_ = cycle_ + 1 + below(2 * typical_inference());
    }
  }
}

// --- Checking --------------------------------------------------------------------------------

void Harness::check() {
  if (!model_->rst_ni) {
    return;
  }
  check_input();
  if (read_restart(*model_).active) {
    check_restart();  // what the probes show is forgotten
  } else {
    check_probes();
  }
  check_output();
  retire();
}

void Harness::check_input() {
  if (!offering_ || !model_->s_axis_tready) {
    return;
  }
  last_progress_ = cycle_;
  offering_ = false;
  if (input_.position == 0) {
    begin_inference();
  }
  if (++input_.position == kInputBeats) {
    input_ = {input_.inference + 1, 0};
  }
}

const Inference* Harness::expected(const Cursor& cursor) const {
  const bool entered = cursor.inference < output_.inference + started_.size();
  return entered ? window_.find(cursor.inference) : nullptr;
}

// A beat on offer may be at work already: where several blocks read it, each takes it when it can.
const Inference* Harness::expected(const Layer& layer, const Cursor& cursor) {
  const bool enters = input_.position > 0 || offering_;
  const bool entered = cursor.inference < input_.inference + (enters ? 1 : 0);
  return entered || layer.leads ? window_.at(cursor.inference) : nullptr;
}

void Harness::check_probes() {
  visit_probes(*model_, [this](std::size_t layer, bool busy, bool valid, const auto& spikes,
                               const auto& membranes) {
    busy_[layer] += busy;
    if (valid) {
      last_progress_ = cycle_;
      if (layer >= options_.first_layer) {
        check_probe(layer, spikes, membranes);
      }
    }
  });
}

template <class Spikes, class Membranes>
void Harness::check_probe(std::size_t layer, const Spikes& spikes, const Membranes& membranes) {
  const Layer& info = kLayers[layer];
  Cursor& cursor = probes_[layer];
  const Inference* inference = expected(info, cursor);
  if (inference == nullptr) {
    if (!info.leads) {  // else it runs ahead of an inference that will never come
      mismatch("unexpected", cursor.inference, info.name, -1, -1, 0, 0);
    }
    return;
  }
  const std::size_t step = cursor.position / info.neurons;
  const std::size_t neuron = cursor.position % info.neurons;
  const auto count = static_cast<unsigned>(std::min<std::size_t>(info.lanes, info.neurons - neuron));
  for (unsigned lane = 0; lane < count; ++lane) {
    const std::size_t position = cursor.position + lane;
    const auto spike = static_cast<bool>(read_field(spikes, lane, 1));
    const std::int64_t membrane =
        read_signed(membranes, lane * info.membrane_bits, info.membrane_bits);
    const auto differs = [&](const char* kind, std::int64_t got, std::int64_t wanted) {
      mismatch(kind, cursor.inference, info.name, static_cast<std::int64_t>(step),
               static_cast<std::int64_t>(neuron + lane), got, wanted);
    };
    if (spike != inference->spike(layer, position)) {
      differs("spike", spike, !spike);
    }
    if (membrane != inference->membrane(layer, position)) {
      differs("membrane", membrane, inference->membrane(layer, position));
    }
  }
  ledger_.spikes += count;
  ledger_.membranes += count;
  cursor.position += count;
  if (cursor.position == neuron_steps(layer)) {
    cursor = {cursor.inference + 1, 0};
  }
}

// An early decision: every layer must have shown what led to it, and begins the next inference.
void Harness::check_restart() {
  const std::uint32_t steps = read_restart(*model_).steps;
  if (steps == 0) {
    return;  // the reset of the design
  }
  last_progress_ = cycle_;
  const Inference* inference = window_.find(decided_);
  if (inference == nullptr || decided_ >= output_.inference + started_.size()) {
    mismatch("unexpected", decided_, "decision", -1, -1, 0, 0);
    return;
  }
  if (steps != inference->steps()) {
    mismatch("steps", decided_, "decision", -1, -1, steps, inference->steps());
  }
  steps_.add(steps);
  check_probes_done(decided_, std::min(steps, inference->steps()));
  ++decided_;
  probes_.fill({decided_, 0});
}

void Harness::check_output() {
  const bool valid = model_->m_axis_tvalid;
  const Beat beat{read_signed(model_->m_axis_tdata, 0, kScoreBits),
                  static_cast<std::uint32_t>(model_->m_axis_tuser),
                  static_cast<bool>(model_->m_axis_tlast)};
  check_held(valid, beat);
  held_ = valid && !model_->m_axis_tready;
  offered_ = beat;
  if (valid && model_->m_axis_tready) {
    last_progress_ = cycle_;
    check_beat(beat);
  }
}

// AXI4-Stream: a beat on offer stays, unchanged, until it is taken.
void Harness::check_held(bool valid, const Beat& beat) {
  if (held_ && (!valid || beat != offered_)) {
    mismatch("protocol", output_.inference, "m_axis", -1,
             static_cast<std::int64_t>(output_.position), beat.score, offered_.score);
  }
}

void Harness::check_beat(const Beat& beat) {
  const std::uint64_t number = output_.inference;
  const auto position = static_cast<std::int64_t>(output_.position);
  const Inference* inference = expected(output_);
  if (inference == nullptr) {
    mismatch("unexpected", number, "m_axis", -1, position, beat.score, 0);
    return;
  }
  const bool last = output_.position + 1 == kClasses;
  ++ledger_.scores;
  if (beat.score != inference->score(output_.position)) {
    mismatch("score", number, "m_axis", -1, position, beat.score,
             inference->score(output_.position));
  }
  if (beat.last != last) {
    mismatch("tlast", number, "m_axis", -1, position, beat.last, last);
  }
  ++output_.position;
  if (last) {
    ++ledger_.predictions;
    if (beat.prediction != inference->prediction()) {
      mismatch("prediction", number, "m_axis", -1, -1, beat.prediction, inference->prediction());
      ledger_.wrong_predictions.emplace_back(number, beat.prediction);
    }
    complete();
  }
}

void Harness::complete() {
  if (!kEarly) {
    check_probes_done(output_.inference, kTimeSteps);
  } else if (decided_ <= output_.inference) {
    mismatch("undecided", output_.inference, "m_axis", -1, -1, 0, 0);
  }
  if (!kInputTrails && !kEarly && input_.inference <= output_.inference) {
    mismatch("early", output_.inference, "m_axis", -1, static_cast<std::int64_t>(input_.position),
             0, 0);
    input_ = {output_.inference + 1, 0};
    offering_ = false;
  }
  latency_.add(cycle_ - started_.front() + 1);
  measure_layers();
  if (last_result_ != 0) {
    interval_.add(cycle_ - last_result_);
  }
  last_result_ = cycle_;
  started_.pop_front();
  output_ = {output_.inference + 1, 0};
}

// Forget the inferences of which no beat and no compared neuron is still to come.
void Harness::retire() {
  std::uint64_t oldest = std::min(input_.inference, output_.inference);
  for (std::size_t layer = options_.first_layer; layer < kLayers.size(); ++layer) {
    oldest = std::min(oldest, probes_[layer].inference);
  }
  while (window_.oldest() < oldest) {
    window_.retire();
  }
}

// Only an isolated inference has the layers for itself.
void Harness::measure_layers() {
  for (std::size_t layer = 0; layer < kLayers.size(); ++layer) {
    if (options_.isolated) {
      layers_[layer].add(busy_[layer]);
    }
    busy_[layer] = 0;
  }
}

// The result of an inference depends on the last neuron of the step that it comes from, so every
// probe is past it by now, but for those whose last time step nothing waits for.
void Harness::check_probes_done(std::uint64_t number, std::size_t steps) {
  for (std::size_t layer = options_.first_layer; layer < kLayers.size(); ++layer) {
    Cursor& cursor = probes_[layer];
    const bool behind = cursor.position < steps * kLayers[layer].neurons;
    if (!kLayers[layer].trails && cursor.inference <= number && behind) {
      mismatch("missing", cursor.inference, kLayers[layer].name,
               static_cast<std::int64_t>(cursor.position / kLayers[layer].neurons),
               static_cast<std::int64_t>(cursor.position % kLayers[layer].neurons), 0, 0);
      cursor = {number + 1, 0};
    }
  }
}

}  // namespace spikeloom
