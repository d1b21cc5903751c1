"""Group deals: seats that are paid for together, a target that makes the deal, a deadline that ends it."""
