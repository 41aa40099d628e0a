obj.spec.execution = "Cancelled"
return obj
