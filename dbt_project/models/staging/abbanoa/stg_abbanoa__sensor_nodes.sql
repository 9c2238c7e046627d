{{ typed(source('abbanoa', 'sensor_nodes')) }}
