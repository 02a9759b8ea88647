// SPDX-FileCopyrightText: The Spikeloom developers
// SPDX-License-Identifier: Apache-2.0
//
// Command line of the harness: options as --name=value, plusargs for the model.

#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>

#include "options.h"
#include "report.h"

namespace {

constexpr std::size_t kPipeBuffer = 1 << 20;

void set(spikeloom::Options& options, const std::string& name, const std::string& value) {
  if (name == "isolated") {
    options.isolated = value == "1";
  } else if (name == "idle") {
    options.idle = std::stod(value);
  } else if (name == "stall") {
    options.stall = std::stod(value);
  } else if (name == "reset") {
    options.reset = std::stod(value);
  } else if (name == "seed") {
    options.seed = std::stoull(value);
  } else if (name == "watchdog") {
    options.watchdog = std::stoull(value);
  } else if (name == "first-layer") {
    options.first_layer = std::stoull(value);
  } else {
    throw std::invalid_argument("unknown option --" + name);
  }
}

spikeloom::Options parse(int argc, char** argv) {
  spikeloom::Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const std::size_t equals = argument.find('=');
    if (argument.rfind("--", 0) == 0 && equals != std::string::npos) {
      set(options, argument.substr(2, equals - 2), argument.substr(equals + 1));
    } else if (argument.rfind('+', 0) != 0) {
      throw std::invalid_argument("options are --name=value or +plusarg, not " + argument);
    }
  }
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    std::setvbuf(stdin, nullptr, _IOFBF, kPipeBuffer);
    const spikeloom::Report report = spikeloom::run_harness(parse(argc, argv), argc, argv);
    std::printf("%s\n", spikeloom::to_json(report).c_str());
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "harness: %s\n", error.what());
    return 2;
  }
}
