// SPDX-FileCopyrightText: The Spikeloom developers
// SPDX-License-Identifier: Apache-2.0

#include "inference.h"

#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>

namespace spikeloom {

namespace {

constexpr std::size_t kPredictionOffset =
    kInputBeats * kInputBytes + kClasses * sizeof(std::int64_t);

bool read_exactly(void* target, std::size_t size) {
  return std::fread(target, 1, size, stdin) == size;
}

}  // namespace

// --- Inference -------------------------------------------------------------------------------

Inference::Inference(std::vector<std::uint8_t> record, std::size_t first_layer)
    : record_(std::move(record)) {
  std::size_t offset = record_size(kLayers.size());
  for (std::size_t layer = first_layer; layer < kLayers.size(); ++layer) {
    layer_offset_[layer] = offset;
    offset += neuron_steps(layer) * (sizeof(std::uint8_t) + sizeof(std::int32_t));
  }
}

std::size_t Inference::record_size(std::size_t first_layer) {
  std::size_t size = kPredictionOffset + 2 * sizeof(std::uint32_t);
  for (std::size_t layer = first_layer; layer < kLayers.size(); ++layer) {
    size += neuron_steps(layer) * (sizeof(std::uint8_t) + sizeof(std::int32_t));
  }
  return size;
}

template <class T>
T Inference::load(std::size_t offset) const {
  T value;
  std::memcpy(&value, &record_[offset], sizeof value);  // the fields are not aligned
  return value;
}

std::int64_t Inference::score(std::size_t index) const {
  return load<std::int64_t>(kInputBeats * kInputBytes + index * sizeof(std::int64_t));
}

std::uint32_t Inference::prediction() const {
  return load<std::uint32_t>(kPredictionOffset);
}

std::uint32_t Inference::steps() const {
  return load<std::uint32_t>(kPredictionOffset + sizeof(std::uint32_t));
}

bool Inference::spike(std::size_t layer, std::size_t position) const {
  return record_[layer_offset_[layer] + position] != 0;
}

std::int32_t Inference::membrane(std::size_t layer, std::size_t position) const {
  return load<std::int32_t>(layer_offset_[layer] + neuron_steps(layer) +
                            position * sizeof(std::int32_t));
}

// --- Window ----------------------------------------------------------------------------------

const Inference* Window::find(std::uint64_t index) const {
  const std::uint64_t slot = index - oldest_;
  return index >= oldest_ && slot < inferences_.size() ? &inferences_[slot] : nullptr;
}

const Inference* Window::at(std::uint64_t index) {
  while (find(index) == nullptr) {
    if (!read_next()) {
      return nullptr;
    }
  }
  return find(index);
}

bool Window::read_next() {
  if (ended_) {
    return false;
  }
  std::uint32_t length = 0;
  if (!read_exactly(&length, sizeof length)) {
    throw std::runtime_error("the input stream broke off between two inferences");
  }
  if (length == 0) {
    ended_ = true;
    return false;
  }
  if (length != Inference::record_size(first_layer_)) {
    throw std::runtime_error("an inference must have " +
                             std::to_string(Inference::record_size(first_layer_)) +
                             " bytes, not " + std::to_string(length));
  }
  std::vector<std::uint8_t> record(length);
  if (!read_exactly(record.data(), length)) {
    throw std::runtime_error("the input stream broke off within an inference");
  }
  inferences_.emplace_back(std::move(record), first_layer_);
  return true;
}

void Window::retire() {
  inferences_.pop_front();
  ++oldest_;
}

}  // namespace spikeloom
