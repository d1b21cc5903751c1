"""fakepay: a payment provider for trying out, which speaks as Alipay and as Stripe, and misbehaves as it is told."""
