"""The business processes, each as facts that events bring, conclusions from them, and the steps that follow."""
