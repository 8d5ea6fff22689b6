"""Who may do what at Kafka: the rights of each service, and the users and ACLs that make a broker hold to them."""
