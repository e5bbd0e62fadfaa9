"""The OMS: orders inside the house, reserved over locations, and what is available to sell."""
