// SPDX-License-Identifier: Apache-2.0
//
// How fast a -H file of 2 KiB is read and written, beside the limit: finding its line
// ends and colons with memchr and nothing else.
#include <benchmark/benchmark.h>

#include <cstring>

#include "spoolfmt/h_file.h"

namespace {

constexpr char kLeaf[] = "1xUYvJ-0004Zg-2C-H";

// An ordinary message of a mailing list: 25 header lines, two recipients.
std::string sample() {
  spoolfmt::HFile file;
  file.id = *spoolfmt::MessageId::parse("1xUYvJ-0004Zg-2C");
  file.login = "Debian-exim";
  file.uid = file.gid = 110;
  file.sender = "list-bounces@lists.example";
  file.received = 1795220745;
  file.set_value("received_time_usec", ".680109");
  file.set_value("received_time_complete", "1795220745.681270");
  file.set_value("helo_name", "client.example");
  file.set_value("host_address", "[192.0.2.1]:25");
  file.set_value("interface_address", "[192.0.2.2]:25");
  file.set_value("received_protocol", "esmtps");
  file.set_value("body_linecount", "42");
  file.set_value("max_received_linelength", "76");
  file.set_flag("deliver_firsttime");
  file.set_value("tls_cipher", "TLS1.3:ECDHE_X25519__RSA_PSS_RSAE_SHA256");
  for (const char* address : {"bob@remote.example", "carol@remote.example"}) {
    spoolfmt::Recipient recipient;
    recipient.address = address;
    file.recipients.push_back(recipient);
  }
  file.headers.push_back(
      {'P',
       "Received: from [192.0.2.1] (helo=client.example)\n\tby mx.example with "
       "esmtps (TLS1.3)\n\tid 1xUYvJ-0004Zg-2C;\n\tSat, 21 Nov 2026 00:41:19 "
       "+0000\n"});
  for (int i = 0; spoolfmt::format_h_file<std::string>(file).size() < 2048; ++i)
    file.headers.push_back({' ', "X-List-Field-" + std::to_string(i) +
                                     ": a value such as mailing lists write, folded\n"
                                     "\tonce in its middle\n"});
  return spoolfmt::format_h_file<std::string>(file);
}

void set_bytes(benchmark::State& state, std::size_t size) {
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(size));
}

void Parse(benchmark::State& state) {
  std::string text = sample();
  spoolfmt::ParsedH parsed;
  for (auto _ : state) {
    parsed.clear();
    spoolfmt::read_h_file(text, kLeaf, parsed);
    benchmark::DoNotOptimize(parsed);
  }
  if (parsed.damage != spoolfmt::Damage::none) state.SkipWithError("damaged sample");
  set_bytes(state, text.size());
}
BENCHMARK(Parse);

void Format(benchmark::State& state) {
  std::string text = sample();
  spoolfmt::ParsedH parsed;
  spoolfmt::read_h_file(text, kLeaf, parsed);
  for (auto _ : state) benchmark::DoNotOptimize(spoolfmt::format_h_file(parsed.file));
  set_bytes(state, text.size());
}
BENCHMARK(Format);

void ParseAndFormat(benchmark::State& state) {
  std::string text = sample();
  spoolfmt::ParsedH parsed;
  for (auto _ : state) {
    parsed.clear();
    spoolfmt::read_h_file(text, kLeaf, parsed);
    benchmark::DoNotOptimize(spoolfmt::format_h_file(parsed.file));
  }
  set_bytes(state, text.size());
}
BENCHMARK(ParseAndFormat);

void SplitByMemchr(benchmark::State& state) {
  std::string text = sample();
  for (auto _ : state) {
    const char* at = text.data();
    const char* end = at + text.size();
    std::size_t found = 0;
    while (at < end) {
      auto rest = static_cast<std::size_t>(end - at);
      const auto* line = static_cast<const char*>(std::memchr(at, '\n', rest));
      if (line == nullptr) break;
      auto length = static_cast<std::size_t>(line - at);
      found += std::memchr(at, ':', length) != nullptr;
      at = line + 1;
    }
    benchmark::DoNotOptimize(found);
  }
  set_bytes(state, text.size());
}
BENCHMARK(SplitByMemchr);

}  // namespace

BENCHMARK_MAIN();
