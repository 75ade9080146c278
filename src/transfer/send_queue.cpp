#include <iterator>
#include <utility>

#include "tcptools/transfer/send_context.hpp"

namespace tcptools::transfer {

void send_queue::add(source_batch batch) {
  for (source_item& item : batch.items) items_.push_back({std::move(item), nullptr, false});
  walked_ = batch.last;
}

void send_queue::put_back(std::vector<send_item> unfinished) {
  items_.insert(items_.begin(), std::make_move_iterator(unfinished.begin()), std::make_move_iterator(unfinished.end()));
}

send_item send_queue::pop() {
  send_item item = std::move(items_.front());
  items_.pop_front();
  return item;
}

}  // namespace tcptools::transfer
