// A transport whose calls are counted.
#pragma once

#include <memory>

#include "kube/transport.h"
#include "telemetry/metrics.h"

namespace rebalance {

class CountedTransport : public Transport {
 public:
  // `metrics` must outlive it.
  CountedTransport(std::shared_ptr<Transport> under, Metrics& metrics)
      : under_(std::move(under)), metrics_(metrics) {}

  Result<HttpResponse> send(const HttpRequest& request, std::stop_token stop) override;
  Result<HttpResponse> stream(const HttpRequest& request, Millis idle,
                              const std::function<bool(std::string_view)>& line,
                              std::stop_token stop) override;

 private:
  const std::shared_ptr<Transport> under_;
  Metrics& metrics_;
};

}  // namespace rebalance
