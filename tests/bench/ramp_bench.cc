// SPDX-License-Identifier: Apache-2.0
//
// What a leg costs the scheduler: routed and taken, with few sites and with many.
#include <benchmark/benchmark.h>

#include <cstdint>

#include "qrunner/ramp.h"

namespace {

using qrunner::Leg;
using qrunner::Ramp;
using qrunner::SiteIndex;

// Sites without an order, as a scan finds them.
class Sites {
 public:
  explicit Sites(std::int64_t count) : count_(static_cast<std::uint64_t>(count)) {}

  SiteIndex next() {
    state_ = state_ * 6364136223846793005U + 1442695040888963407U;
    return static_cast<SiteIndex>((state_ >> 33) % count_);
  }

 private:
  std::uint64_t count_;
  std::uint64_t state_ = 1;
};

const Leg& some_leg() {
  static const Leg leg(*spoolfmt::MessageId::parse("1xUj2S-000001-0X"));
  return leg;
}

void RoutedAndTaken(benchmark::State& state) {
  Ramp ramp({});
  Sites sites(state.range(0));
  Ramp::Instant now{};
  // All connections are in use, and many sites wait for one.
  for (std::int64_t i = 0; i < 4 * state.range(0); ++i)
    ramp.routed(sites.next(), some_leg(), now);
  for (auto _ : state) {
    SiteIndex site = sites.next();
    benchmark::DoNotOptimize(ramp.routed(site, some_leg(), now));
    benchmark::DoNotOptimize(ramp.take(site, now));
  }
}
BENCHMARK(RoutedAndTaken)->Arg(1)->Arg(1'000)->Arg(100'000);

void TickAndSuccess(benchmark::State& state) {
  Ramp ramp({});
  Sites sites(state.range(0));
  Ramp::Instant now{};
  for (std::int64_t i = 0; i < 20 * state.range(0); ++i)
    ramp.routed(sites.next(), some_leg(), now);
  for (auto _ : state) {
    now += std::chrono::microseconds(10);
    SiteIndex site = sites.next();
    if (ramp.view(site).open == 0) continue;
    benchmark::DoNotOptimize(ramp.succeeded(site, std::chrono::milliseconds(1), now));
    benchmark::DoNotOptimize(ramp.tick(now));
  }
}
BENCHMARK(TickAndSuccess)->Arg(1)->Arg(1'000)->Arg(100'000);

void Snapshot(benchmark::State& state) {
  Ramp ramp({});
  for (SiteIndex site = 0; site < state.range(0); ++site)
    ramp.routed(site, some_leg(), {});
  for (auto _ : state) benchmark::DoNotOptimize(ramp.snapshot());
}
BENCHMARK(Snapshot)->Arg(100'000);

}  // namespace

BENCHMARK_MAIN();
