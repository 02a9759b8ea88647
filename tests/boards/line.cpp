// SPDX-License-Identifier: Apache-2.0
// Copyright the Spikeloom developers

// A serial line into a simulated board, driven by commands on standard input:
//   send HEX        transmit bytes
//   corrupt HEX     the same, without stop bits
//   wait CLOCKS     let time pass
//   read N CLOCKS   answer up to N received bytes in hex, wait CLOCKS at most
//   button LEVEL    set the level of the button
//   led             answer the LEDs

#include <cstdint>
#include <deque>
#include <iostream>
#include <sstream>
#include <string>

#include "Vdesign.h"
#include "verilated.h"

namespace {

class Board {
 public:
  explicit Board(int clocks_per_bit) : clocks_per_bit_(clocks_per_bit) {
    context_.randReset(2);
    board_.uart_rx_i = 1;
    board_.button_i = 1;
    Wait(2000);  // power-up
  }
  ~Board() { board_.final(); }

  void Tick() {
    board_.clk_i = 0;
    board_.eval();
    board_.clk_i = 1;
    board_.eval();
    Listen();
  }

  void Wait(long clocks) {
    for (long clock = 0; clock < clocks; ++clock) Tick();
  }

  void Send(uint8_t byte, bool stop) {
    Drive(0);
    for (int bit = 0; bit < 8; ++bit) Drive((byte >> bit) & 1);
    Drive(stop ? 1 : 0);
    board_.uart_rx_i = 1;
  }

  std::string Read(size_t count, long clocks) {
    for (; received_.size() < count && clocks > 0; --clocks) Tick();
    std::ostringstream text;
    for (; count > 0 && !received_.empty(); --count) {
      static const char* kDigits = "0123456789abcdef";
      text << kDigits[received_.front() >> 4] << kDigits[received_.front() & 15];
      received_.pop_front();
    }
    return text.str();
  }

  void Button(int level) { board_.button_i = level; }
  int Leds() const { return board_.led_o; }

 private:
  void Drive(int level) {
    board_.uart_rx_i = level;
    Wait(clocks_per_bit_);
  }

  // Sample what the board sends in the middle of each bit.
  void Listen() {
    if (left_ == 0) {
      if (board_.uart_tx_o) return;
      left_ = 10;
      count_ = clocks_per_bit_ / 2;
    }
    if (--count_ > 0) return;
    count_ = clocks_per_bit_;
    if (--left_ == 0) {
      if (board_.uart_tx_o) received_.push_back(byte_);
    } else {
      byte_ = static_cast<uint8_t>((byte_ >> 1) | (board_.uart_tx_o << 7));
    }
  }

  VerilatedContext context_;
  Vdesign board_{&context_};
  int clocks_per_bit_;
  int left_ = 0;
  int count_ = 0;
  uint8_t byte_ = 0;
  std::deque<uint8_t> received_;
};

void SendAll(Board& board, const std::string& hex, bool stop) {
  for (size_t at = 0; at + 1 < hex.size(); at += 2) {
    board.Send(static_cast<uint8_t>(std::stoi(hex.substr(at, 2), nullptr, 16)), stop);
  }
}

}  // namespace

int main(int argc, char** argv) {
  Board board(argc > 1 ? std::stoi(argv[1]) : 104);
  std::string line;
  while (std::getline(std::cin, line)) {
    std::istringstream words(line);
    std::string command, hex;
    long first = 0, second = 0;
    words >> command;
    if (command == "send" || command == "corrupt") {
      words >> hex;
      SendAll(board, hex, command == "send");
    } else {
      words >> first >> second;
    }
    if (command == "wait") board.Wait(first);
    if (command == "button") board.Button(static_cast<int>(first));
    if (command == "read") std::cout << board.Read(static_cast<size_t>(first), second);
    if (command == "led") std::cout << board.Leds();
    std::cout << std::endl;
  }
  return 0;
}
