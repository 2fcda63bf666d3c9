"""What can be known of this node's kubelet, each fact with its source."""
