// Stands in for TFLM in tests: the calls that a project makes, and nothing behind them.
#ifndef FAKE_MICRO_MUTABLE_OP_RESOLVER_H_
#define FAKE_MICRO_MUTABLE_OP_RESOLVER_H_

#ifndef TF_LITE_STATIC_MEMORY
#error built without TF_LITE_STATIC_MEMORY
#endif

enum TfLiteStatus { kTfLiteOk, kTfLiteError };

namespace tflite {

class MicroOpResolver {
public:
  explicit MicroOpResolver(unsigned room) : room_(room) {}
  unsigned room() const { return room_; }
  unsigned count() const { return count_; }

  TfLiteStatus AddAdd() { return Count(); }
  TfLiteStatus AddConv2D() { return Count(); }
  TfLiteStatus AddDepthwiseConv2D() { return Count(); }
  TfLiteStatus AddFullyConnected() { return Count(); }
  TfLiteStatus AddMaxPool2D() { return Count(); }
  TfLiteStatus AddReshape() { return Count(); }
  TfLiteStatus AddSoftmax() { return Count(); }

private:
  TfLiteStatus Count() { return ++count_ <= room_ ? kTfLiteOk : kTfLiteError; }

  unsigned room_;
  unsigned count_ = 0;
};

template <unsigned int kCount> class MicroMutableOpResolver : public MicroOpResolver {
public:
  MicroMutableOpResolver() : MicroOpResolver(kCount) {}
};

} // namespace tflite

#endif // FAKE_MICRO_MUTABLE_OP_RESOLVER_H_
