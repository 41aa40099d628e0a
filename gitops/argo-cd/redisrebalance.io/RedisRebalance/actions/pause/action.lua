obj.spec.execution = "Paused"
return obj
