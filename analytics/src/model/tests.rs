//! Behaviour of the model on made-up series.
