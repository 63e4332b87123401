// The command line begins here.
process.stdout.write('flowguard: nothing to run yet\n')
