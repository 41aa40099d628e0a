#include "control/counted_transport.h"

namespace rebalance {
namespace {

int status_of(const Result<HttpResponse>& response) { return response ? response->status : 0; }

// A watch names no object, so the last part of its path is the resource.
std::string plural_of(const std::string& path) {
  const auto end = path.find('?');
  const auto slash = path.rfind('/', end);
  return path.substr(slash + 1, end - slash - 1);
}

}  // namespace

Result<HttpResponse> CountedTransport::send(const HttpRequest& request, std::stop_token stop) {
  const auto began = BootClock::now();
  auto response = under_->send(request, std::move(stop));
  metrics_.api_called(request.method, status_of(response), seconds_between(began, BootClock::now()));
  return response;
}

Result<HttpResponse> CountedTransport::stream(const HttpRequest& request, Millis idle,
                                              const std::function<bool(std::string_view)>& line,
                                              std::stop_token stop) {
  auto response = under_->stream(request, idle, line, std::move(stop));
  metrics_.api_called("WATCH", status_of(response), std::nullopt);
  metrics_.watch_restarted(plural_of(request.path));
  return response;
}

}  // namespace rebalance
