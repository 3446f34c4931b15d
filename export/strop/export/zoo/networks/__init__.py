"""Networks of the zoo that keras.applications does not have, made of Keras' own layers."""
